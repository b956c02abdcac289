import type { ErrorDefinition, RevocableClaims } from "@portcullis/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import { type CallerRefusal, type ErrorForm, sendRefusal } from "./error-forms.ts";
import { httpApiError } from "./errors.ts";

/** Who calls the API: the part of the guard's Principal that is needed here. */
export interface Caller {
  readonly clientId: string;
  /** The person for whom the client calls; absent when it calls for itself. */
  readonly subject?: string;
  /** Where the call came from, where that is known. */
  readonly address?: string;
  /** Seconds: when the person has signed in (`auth_time`); absent when the token does not say. */
  readonly signedInAt?: number;
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
export type Authenticate = (request: FastifyRequest, scope: string) => Promise<Judged>;

export type Judged =
  | {
      readonly caller: Caller;
      /** What a request that is under way is refused with by now. Default: what a new one with that token would be. */
      readonly refusalNow?: RefusalNow;
    }
  | { readonly refusal: CallerRefusal };

/** Returns what the caller is refused with from now on; undefined as long as he may go on. */
export type RefusalNow = () => Promise<CallerRefusal | undefined>;

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

/** Whether a sign-in at this time (seconds) is at most so many seconds ago. */
export type IsFresh = (signedInAt: number, maxAgeSeconds: number) => boolean;

/** A route that asks for a fresh sign-in, and who says whether one is. */
export interface FreshSignIn {
  readonly maxAgeSeconds: number;
  readonly isFresh: IsFresh;
}

export interface RequiredOfCaller {
  readonly authenticate: Authenticate;
  readonly scope: string;
  readonly form: ErrorForm;
  readonly fresh: FreshSignIn | undefined;
}

/** Refuses, before the body is read, whoever may not do what the scope allows, and whoever has signed in too long ago. */
export function requireCaller({ authenticate, scope, form, fresh }: RequiredOfCaller) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const judged = await authenticate(request, scope);
    if ("refusal" in judged) return sendRefusal(reply, judged.refusal, form);
    if (fresh !== undefined && !isSignedInFreshly(judged.caller, fresh))
      return sendRefusal(reply, signInTooOld(fresh), form);
    request.setDecorator("caller", judged.caller);
    request.setDecorator("refusalNow", judged.refusalNow ?? (() => refusalOf(authenticate, request, scope)));
    request.setDecorator("bodyIsAwaited", !request.raw.complete);
    return undefined;
  };
}

/**
 * The same once more when a body has come that was still awaited then: whoever keeps back its last byte must not act with a token that
 * has ended meanwhile. One that was there whole costs no second look.
 */
export function requireCallerStill(required: RequiredOfCaller) {
  const judge = requireCaller(required);
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> =>
    request.getDecorator<boolean>("bodyIsAwaited") ? judge(request, reply) : undefined;
}

async function refusalOf(
  authenticate: Authenticate,
  request: FastifyRequest,
  scope: string,
): Promise<CallerRefusal | undefined> {
  const judged = await authenticate(request, scope);
  return "refusal" in judged ? judged.refusal : undefined;
}

/** Fails closed: a token that does not say when, is of a sign-in that nobody knows the age of. */
const isSignedInFreshly = ({ signedInAt }: Caller, { maxAgeSeconds, isFresh }: FreshSignIn): boolean =>
  signedInAt !== undefined && isFresh(signedInAt, maxAgeSeconds);

/** RFC 9470, section 3: the app sends the person to sign in again, with this `max_age`. */
function signInTooOld({ maxAgeSeconds }: FreshSignIn): CallerRefusal {
  const [{ code, status, text }] = httpApiError.definitions("insufficient_user_authentication") as [
    ErrorDefinition,
  ];
  const challenge = `Bearer error="${code}", error_description="${text}", max_age="${maxAgeSeconds}"`;
  return {
    status,
    headers: { "www-authenticate": challenge },
    body: { error: code, error_description: text },
  };
}

export function callerOf(request: FastifyRequest): Caller {
  return request.getDecorator<Caller>("caller");
}

export const refusalNowOf = (request: FastifyRequest): RefusalNow =>
  request.getDecorator<RefusalNow>("refusalNow");
