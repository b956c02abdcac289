export type { Algorithm } from "./algorithms.ts";
export type {
  AccessTokenClaims,
  TokenHeader,
  TransactionToken,
  TransactionTokenClaims,
  VerifiedAccessToken,
} from "./claims.ts";
export {
  ACCESS_TOKEN_ERRORS,
  type AccessTokenError,
  type AccessTokenErrorCode,
  accessTokenError,
  isAccessTokenError,
} from "./errors.ts";
export { type JsonWebKeySet, type KeySource, localKeySource } from "./key-source.ts";
export { type RemoteKeySource, type RemoteKeySourceOptions, remoteKeySource } from "./remote-key-source.ts";
export { createSignedHeadVerifier, type SignedHeadVerifierOptions } from "./signed-head.ts";
export {
  createTransactionTokenVerifier,
  type TransactionTokenVerifier,
  type TransactionTokenVerifierOptions,
} from "./transaction-token.ts";
export { createAccessTokenVerifier } from "./verifier.ts";
export type {
  AccessTokenVerifier,
  AccessTokenVerifierOptions,
  TimesRefusal,
  VerifiedEntry,
} from "./verifier-types.ts";
