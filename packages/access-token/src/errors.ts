/** The package's one catalogue. `detail` is for logs and never holds a token or a part of one. */
import { type CodeOf, errorsOf, isErrorOf, type PortcullisError } from "@portcullis/protocol";

export const ACCESS_TOKEN_ERRORS = {
  token_too_long: { status: 401, text: "The token is longer than this service accepts." },
  malformed_token: { status: 401, text: "The token is not a signed JWT in its canonical form." },
  malformed_claims: { status: 401, text: "A claim of the token has a value that it cannot have." },
  wrong_type: { status: 401, text: "The token is of another type than the one expected here." },
  unsupported_algorithm: { status: 401, text: "The token is signed with an algorithm not accepted here." },
  unsupported_header: { status: 401, text: "The token's header asks for something not supported here." },
  unknown_key: { status: 401, text: "The token is signed with a key that its issuer does not publish." },
  bad_signature: { status: 401, text: "The token's signature does not verify." },
  missing_claim: { status: 401, text: "The token lacks a claim that is required." },
  wrong_issuer: { status: 401, text: "The token is from another issuer." },
  wrong_audience: { status: 401, text: "The token is for another audience." },
  expired_token: { status: 401, text: "The token has expired." },
  not_yet_valid: { status: 401, text: "The token is not valid yet." },
  keys_unavailable: { status: 503, text: "The issuer's keys cannot be fetched at the moment." },
  key_not_known_yet: {
    status: 503,
    text: "The token's key is not known here. It may be new: whether its issuer publishes it is being asked.",
  },
  refused_by_clock: {
    status: 503,
    text: "The token is good by its issuer's clock and not by this service's, so that it cannot be judged at the moment.",
  },
  invalid_configuration: { status: 500, text: "The verifier's configuration cannot work." },
} as const;

export type AccessTokenErrorCode = CodeOf<typeof ACCESS_TOKEN_ERRORS>;
export type AccessTokenError = PortcullisError<AccessTokenErrorCode>;

export const accessTokenError = errorsOf(ACCESS_TOKEN_ERRORS);
export const isAccessTokenError = isErrorOf(ACCESS_TOKEN_ERRORS);
