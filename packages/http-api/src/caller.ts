import type { ErrorDefinition, RevocableClaims } from "@portcullis/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import { type CallerRefusal, type ErrorForm, sendRefusal } from "./error-forms.ts";

/** Who calls the API: the part of the guard's Principal that is needed here. */
export interface Caller {
  readonly clientId: string;
  /** The person for whom the client calls; absent when it calls for itself. */
  readonly subject?: string;
  /** Seconds: a stream does not outlive the token that opened it. */
  readonly expiresAt: number;
  readonly claims: RevocableClaims;
  /** Of the token; without it a retired signing key ends a stream only when the token expires. */
  readonly header?: { readonly kid?: string };
}

/** Returns who is named as the one that did it: the person, else the client. */
export const actorOf = ({ subject, clientId }: Pick<Caller, "subject" | "clientId">): string =>
  subject ?? clientId;

/** Judges the bearer token of the request: for the API as audience, and for the scope. */
export type Authenticate = (
  request: FastifyRequest,
  scope: string,
) => Promise<{ readonly caller: Caller } | { readonly refusal: CallerRefusal }>;

/** What a caller can be refused with, as RFC 6750 names it, in the order in which it is looked for. */
export const CALLER_ERRORS: readonly ErrorDefinition[] = [
  { code: "missing_token", status: 401, text: "A bearer token is required." },
  {
    code: "invalid_request",
    status: 400,
    text: "Send exactly one Authorization header, with one bearer token.",
  },
  { code: "invalid_token", status: 401, text: "The token is not good here, or was revoked." },
  { code: "insufficient_scope", status: 403, text: "The token lacks a scope that is required here." },
  {
    code: "temporarily_unavailable",
    status: 503,
    text: "Whether the token is good cannot be said at the moment.",
  },
];

/** Refuses, before the body is read, whoever may not do what the scope allows. */
export function requireScope(authenticate: Authenticate, scope: string, form: ErrorForm) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const judged = await authenticate(request, scope);
    if ("refusal" in judged) return sendRefusal(reply, judged.refusal, form);
    request.setDecorator("caller", judged.caller);
    return undefined;
  };
}

export function callerOf(request: FastifyRequest): Caller {
  return request.getDecorator<Caller>("caller");
}
