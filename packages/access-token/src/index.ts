export type {
  AccessTokenClaims,
  TokenHeader,
  TransactionToken,
  TransactionTokenClaims,
  VerifiedAccessToken,
} from "./claims.ts";
export type { KeySource } from "./key-source.ts";
export type {
  AccessTokenVerifier,
  AccessTokenVerifierOptions,
  Algorithm,
  VerifiedEntry,
} from "./verifier-types.ts";

import type { TransactionToken } from "./claims.ts";
import type { KeySource } from "./key-source.ts";
import type { AccessTokenVerifier, AccessTokenVerifierOptions, Algorithm } from "./verifier-types.ts";

export interface RemoteKeySourceOptions {
  readonly issuer: string;
  /** Skips discovery: for an issuer, such as the gateway, that publishes keys and nothing else. */
  readonly jwksUri?: string;
  readonly fetch?: typeof fetch;
  readonly monotonicMs?: () => number;
  readonly cooldownMs?: number;
  readonly maxAgeMs?: number;
  readonly keepLastKeysMs?: number;
  readonly timeoutMs?: number;
  readonly allowInsecureRequests?: boolean;
}
export interface RemoteKeySource extends KeySource {
  readonly generation: number;
  /** Fetches now, or joins the fetch under way. Rejects with `keys_unavailable`. */
  refresh(): Promise<void>;
}
export interface TransactionTokenVerifierOptions {
  readonly issuer: string;
  readonly audience: string;
  readonly keys: KeySource;
  readonly algorithms?: readonly Algorithm[];
  readonly clockSkewSeconds?: number;
  readonly nowSeconds?: () => number;
  readonly maxTokenLength?: number;
}
export declare function remoteKeySource(options: RemoteKeySourceOptions): RemoteKeySource;
export declare function localKeySource(
  jwks: { keys: readonly JsonWebKey[] } | (() => { keys: readonly JsonWebKey[] }),
): KeySource;
export declare function createAccessTokenVerifier<Mark = undefined>(
  options: AccessTokenVerifierOptions<Mark>,
): AccessTokenVerifier<Mark>;
export declare function createTransactionTokenVerifier(options: TransactionTokenVerifierOptions): {
  verify(token: string): Promise<TransactionToken>;
};
