export { challengeRoutes } from "./challenge/challenge-routes.ts";
export { composeOidc, type Oidc, type OidcTestHooks } from "./compose.ts";
export { type AppAccess, createAppAccess } from "./endings/app-access.ts";
export { createBlastRadius } from "./endings/blast-radius.ts";
export { ClearEndings } from "./endings/clear-endings.ts";
export type { Endings } from "./endings/endings.ts";
export { createFindTarget, TARGET_ERRORS } from "./endings/find-target.ts";
export { createForgetApi, type ForgetApi } from "./endings/forget-api.ts";
export { createEndBelow, createEndSessions } from "./endings/lineage.ts";
export { createEndOutlived, type EndOutlived } from "./endings/outlived-grants.ts";
export { createEndUntrueClaims } from "./endings/stale-claims.ts";
export { createEndUnasked, type EndUnasked } from "./endings/unasked-grants.ts";
export { oidcError } from "./errors.ts";
export { interactionRoutes } from "./interaction/interaction-routes.ts";
export { isOriginOf } from "./provider/app-origins.ts";
export { libraryRoutes } from "./provider/mount.ts";
export { wordsOf } from "./provider/permission-words.ts";
export { pinHost } from "./provider/pin-host.ts";
export type { Allowed } from "./state/allowed.ts";
export { type AllowedClient, forgetConsents } from "./state/consents.ts";
export type { GrantStore } from "./state/grant-store.ts";
export type { InteractionCache } from "./state/interaction-adapter.ts";
export { pruneOidc } from "./state/prune.ts";
export type { SessionPayload, SessionStore } from "./state/session-store.ts";
export { authenticateApi } from "./tokens/api-authentication.ts";
export {
  type AppInSession,
  isIdTokenHeader,
  type VerifyIdToken,
  verifyOwnIdTokens,
} from "./tokens/own-id-token.ts";
export { rememberReceipt } from "./tokens/receipts.ts";
export type { SessionLifetimes } from "./tokens/session-lifetimes.ts";
