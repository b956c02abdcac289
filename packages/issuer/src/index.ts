export { networkFailureOf } from "./ask-issuer.ts";
export { discoverIssuer, type IssuerMetadata, type IssuerSettings } from "./discover-issuer.ts";
export { apiResourceOf, endpointOf, revocationsEndpointOf } from "./endpoints.ts";
export {
  ISSUER_ERRORS,
  type IssuerError,
  type IssuerErrorCode,
  isIssuerError,
  issuerError,
} from "./errors.ts";
export { type IntrospectionAnswer, type IntrospectionSettings, introspectionOf } from "./introspection.ts";
export { type KeySetSettings, keySetOf } from "./key-set-of.ts";
export { MachineToken, type MachineTokenOptions } from "./machine-token.ts";
export {
  type BegunSignIn,
  beginSignIn,
  type PersonTokens,
  refreshPersonTokens,
  revokePersonToken,
  type SignInRequest,
  type SignInSettings,
} from "./person-sign-in.ts";
export { requireIssuerUrl, requireSecureUrl } from "./secure-url.ts";
