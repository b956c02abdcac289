/** Every way the guard says no, and what its configuration can get wrong. `error` is what RFC 6750 calls it. */
import { ACCESS_TOKEN_ERRORS, type AccessTokenErrorCode } from "@portcullis/access-token";
import { type CodeOf, errorsOf, isErrorOf, type PortcullisError } from "@portcullis/protocol";

interface DenialDefinition {
  readonly status: 400 | 401 | 403 | 503;
  readonly error: string;
  readonly text: string;
}

const unavailable = { status: 503, error: "temporarily_unavailable" } as const;
const invalidToken = { status: 401, error: "invalid_token" } as const;

const OWN_DENIALS = {
  replica_not_ready: { ...unavailable, text: "The list of revocations has not been loaded yet." },
  replica_too_old: {
    ...unavailable,
    text: "It cannot be confirmed right now whether the token is revoked.",
  },
  clock_off: {
    ...unavailable,
    text: "The clock of this service differs from the issuer's, so it cannot check the token right now.",
  },
  answer_outdated: {
    ...unavailable,
    text: "What is known of the token has just changed, so it has to be asked about again. Try again.",
  },
  check_failed: { ...unavailable, text: "The token cannot be checked right now." },
  missing_credentials: { status: 401, error: "missing_token", text: "A bearer token is required." },
  ambiguous_credentials: {
    status: 400,
    error: "invalid_request",
    text: "Send exactly one Authorization header, with one bearer token.",
  },
  sender_constrained: {
    ...invalidToken,
    text: "The token is bound to a key, and came without proof of that key.",
  },
  killed: { ...invalidToken, text: "The token was revoked." },
  stale: { ...invalidToken, text: "The claims in the token have changed. Refresh it." },
  address_not_allowed: {
    status: 403,
    error: "access_denied",
    text: "The token may not be used from this address.",
  },
  insufficient_scope: {
    status: 403,
    error: "insufficient_scope",
    text: "The token does not have a scope that is required here.",
  },
} as const satisfies Record<string, DenialDefinition>;

type TokenDenial = Exclude<AccessTokenErrorCode, "invalid_configuration">;
export type DenialCode = keyof typeof OWN_DENIALS | TokenDenial;

/** The codes of `@portcullis/access-token` are ours too: 401 is `invalid_token`, 503 is temporary. */
function tokenDenials(): Record<TokenDenial, DenialDefinition> {
  const { invalid_configuration: _, ...rest } = ACCESS_TOKEN_ERRORS;
  const entries = Object.entries(rest).map(([code, { status, text }]) => [
    code,
    status === 503 ? { ...unavailable, text } : { ...invalidToken, text },
  ]);
  return Object.fromEntries(entries);
}

export const DENIALS: Readonly<Record<DenialCode, DenialDefinition>> = { ...tokenDenials(), ...OWN_DENIALS };

export const GUARD_ERRORS = {
  invalid_configuration: { status: 500, text: "The guard is not configured correctly." },
  not_ready: { status: 503, text: "The guard is not ready yet." },
  /** Becomes the denial `killed`; the detail is the reason. */
  key_refused: { status: 401, text: "The token is signed with a key that was retired." },
} as const;

export type GuardErrorCode = CodeOf<typeof GUARD_ERRORS>;
export type GuardError = PortcullisError<GuardErrorCode>;

export const guardError = errorsOf(GUARD_ERRORS);
export const isGuardError = isErrorOf(GUARD_ERRORS);
