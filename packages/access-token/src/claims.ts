import type { OpaqueTokenKind, RevocableClaims } from "@portcullis/protocol";

/** Claims of a verified JWT access token: those that RFC 9068, section 2.2, requires, and what else it carries. */
export interface AccessTokenClaims extends RevocableClaims {
  readonly sub: string;
  readonly aud: string | readonly string[];
  readonly client_id: string;
  readonly jti: string;
  /** Seconds. */
  readonly nbf?: number;
  /** Space-separated (RFC 8693, section 4.2). */
  readonly scope?: string;
  /** Seconds; when the user last signed in. */
  readonly auth_time?: number;
  readonly acr?: string;
  readonly amr?: readonly string[];
  readonly [name: string]: unknown;
}

export interface TokenHeader {
  readonly alg: string;
  readonly kid: string;
  readonly typ: string;
}

/**
 * What is known of a token that is genuine, however that was found out. It is deeply frozen: the same object is handed out for
 * every request that brings the same token, so a handler that could change it would change it for all of them.
 */
export interface AccessToken {
  readonly claims: AccessTokenClaims;
  readonly scopes: ReadonlySet<string>;
  /** `aud` as a list. */
  readonly audience: readonly string[];
  readonly issuer: string;
}

/** What verification gives of a JWT. */
export interface VerifiedAccessToken extends AccessToken {
  readonly header: TokenHeader;
}

/** What the issuer says of an opaque token. */
export interface IntrospectedAccessToken extends AccessToken {
  readonly kind: OpaqueTokenKind;
}

/** Claims of a transaction token (draft-ietf-oauth-transaction-tokens): who a call inside the trust domain is for. */
export interface TransactionTokenClaims {
  readonly iss: string;
  readonly aud: string | readonly string[];
  readonly iat: number;
  readonly exp: number;
  /** One identifier for the whole call chain. */
  readonly txn: string;
  readonly sub: string;
  readonly scope?: string;
  /** Transaction context: what the call is about. */
  readonly tctx?: Readonly<Record<string, unknown>>;
  /** Requester context: where the call came from. */
  readonly rctx?: Readonly<Record<string, unknown>>;
  readonly [name: string]: unknown;
}

export interface TransactionToken {
  readonly claims: TransactionTokenClaims;
  readonly header: TokenHeader;
  readonly subject: string;
  readonly scopes: ReadonlySet<string>;
  readonly issuer: string;
}
