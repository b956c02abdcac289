/**
 * Claims of a JWT access token that Portcullis reads beside those of RFC 9068.
 *
 * `rv`  the horizon: the head of the revocation log, sampled before the checks that led to issuing
 * `sid` the session (OpenID Connect Front-Channel Logout 1.0, section 3), 128 random bits, base64url
 * `gid` the grant: what one user consented to for one client in one session, 128 random bits, base64url
 * `org` the organization the token acts in
 */
export interface RevocableClaims {
  readonly iss: string;
  readonly exp: number;
  readonly iat: number;
  readonly jti?: string;
  readonly sub?: string;
  readonly aud?: string | readonly string[];
  readonly client_id?: string;
  readonly rv?: number;
  readonly sid?: string;
  readonly gid?: string;
  readonly org?: string;
  readonly cnf?: { readonly jkt?: string };
}

/** Characters of a token that verifiers take, unless they are told otherwise. */
export const MAX_TOKEN_LENGTH = 8192;

/** `typ` of a JWT access token (RFC 9068, section 2.1). */
export const ACCESS_TOKEN_TYPE = "at+jwt";
/** `typ` of a transaction token (draft-ietf-oauth-transaction-tokens). */
export const TRANSACTION_TOKEN_TYPE = "txntoken+jwt";
/** Header that carries the transaction token from the gateway to services, lower case. */
export const TRANSACTION_TOKEN_HEADER = "txn-token";
