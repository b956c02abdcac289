/** The package's one catalogue. `detail` is for logs and never holds a token or a part of one. */
import { type CodeOf, errorsOf, isErrorOf, type PortcullisError } from "@portcullis/protocol";

export const ACCESS_TOKEN_ERRORS = {
  token_too_long: { status: 401, text: "The token is longer than this service accepts." },
  malformed_token: { status: 401, text: "The token is not a signed JWT in its canonical form." },
  malformed_claims: { status: 401, text: "A claim in the token has a value that is not allowed." },
  wrong_type: { status: 401, text: "The token is not of the type that is expected here." },
  unsupported_algorithm: { status: 401, text: "The token is signed with an algorithm not accepted here." },
  unsupported_header: { status: 401, text: "The token's header asks for something not supported here." },
  unknown_key: { status: 401, text: "The token is signed with a key that its issuer does not publish." },
  bad_signature: { status: 401, text: "The token's signature does not verify." },
  missing_claim: { status: 401, text: "The token is missing a required claim." },
  wrong_issuer: { status: 401, text: "The token is from another issuer." },
  wrong_audience: { status: 401, text: "The token is for another audience." },
  expired_token: { status: 401, text: "The token has expired." },
  not_yet_valid: { status: 401, text: "The token is not valid yet." },
  /** Of an opaque token, or of a JWT that the issuer was asked about. The detail is the reason, where the issuer tells it. */
  inactive_token: { status: 401, text: "The issuer says that the token is not good, or not any more." },
  introspection_unavailable: {
    status: 503,
    text: "The issuer cannot be asked about the token right now. Try again shortly.",
  },
  introspection_busy: {
    status: 503,
    text: "Too many tokens wait to be asked about at the issuer. Try again shortly.",
  },
  introspection_not_allowed: {
    status: 503,
    text: "This service may not ask the issuer about tokens of this API, so it cannot check the token.",
  },
  keys_unavailable: { status: 503, text: "The issuer's keys cannot be fetched right now." },
  key_not_known_yet: {
    status: 503,
    text: "The token's key is not known here yet. It may be new, so the issuer is being asked for it. Try again shortly.",
  },
  refused_by_clock: {
    status: 503,
    text: "The clocks of the issuer and of this service disagree about this token, so it cannot be checked right now.",
  },
  invalid_configuration: { status: 500, text: "The verifier is not configured correctly." },
} as const;

export type AccessTokenErrorCode = CodeOf<typeof ACCESS_TOKEN_ERRORS>;
export type AccessTokenError = PortcullisError<AccessTokenErrorCode>;

export const accessTokenError = errorsOf(ACCESS_TOKEN_ERRORS);
export const isAccessTokenError = isErrorOf(ACCESS_TOKEN_ERRORS);
