export type { Algorithm } from "./algorithms.ts";
export type {
  AccessToken,
  AccessTokenClaims,
  IntrospectedAccessToken,
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
export {
  createIntrospector,
  type IntrospectedEntry,
  type IntrospectionCounters,
  type Introspector,
  type IntrospectorOptions,
} from "./introspection/introspector.ts";
export { type IntrospectionAnswer, lackingOf } from "./introspection/judge-answer.ts";
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
