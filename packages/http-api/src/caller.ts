import type { ErrorDefinition, RevocableClaims } from "@portcullis/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";

/** Who calls the API: the part of the guard's Principal that is needed here. */
export interface Caller {
  readonly clientId: string;
  /** Seconds: a stream does not outlive the token that opened it. */
  readonly expiresAt: number;
  readonly claims: RevocableClaims;
  /** Of the token; without it a retired signing key ends a stream only when the token expires. */
  readonly header?: { readonly kid?: string };
}

/**
 * The bearer token of the request, verified for the API as audience and for the scope. Undefined when it was
 * refused: the answer has been sent then.
 */
export type Authenticate = (
  request: FastifyRequest,
  reply: FastifyReply,
  scope: string,
) => Promise<Caller | undefined>;

/** What a caller can be refused with, as RFC 6750 names it, in the order in which it is looked for. */
export const CALLER_ERRORS: readonly ErrorDefinition[] = [
  { code: "missing_token", status: 401, text: "A bearer token is required." },
  {
    code: "invalid_request",
    status: 400,
    text: "There must be one Authorization header with one bearer token.",
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
export function requireScope(authenticate: Authenticate, scope: string) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const caller = await authenticate(request, reply, scope);
    if (caller === undefined) return reply;
    request.setDecorator("caller", caller);
    return undefined;
  };
}

export function callerOf(request: FastifyRequest): Caller {
  return request.getDecorator<Caller>("caller");
}
