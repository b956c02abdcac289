export {
  type Authenticate,
  actorOf,
  CALLER_ERRORS,
  type Caller,
  type IsFresh,
  type Judged,
  type RefusalNow,
} from "./caller.ts";
export { checkInput, problemsOf } from "./check-input.ts";
export { collectRoutes, type MountedRoute } from "./collect-routes.ts";
export { declareEnding, type WouldEnd } from "./declare-ending.ts";
export { ANYBODY, type Call, type DeclaredRoute, declareRoute } from "./declare-route.ts";
export {
  DRY_RUN,
  grantWait,
  MAX_WAIT_SECONDS,
  PREFER_WAIT,
  PREFERENCE_APPLIED,
} from "./ending-acts.ts";
export {
  type CallerRefusal,
  createErrorHandler,
  type ErrorForm,
  type ErrorHandlerOptions,
  levelOfFailure,
  OAUTH_ERROR,
  PROBLEM_DETAILS,
} from "./error-forms.ts";
export type { Claim, Claimed, IdempotencyKeys, KeyedCall, StoredAnswer } from "./idempotency.ts";
export { type ListQuery, type ListSource, listParameters, type Page, readPage } from "./lists.ts";
export { applyMergePatch, type MergePatch, mergePatchOf } from "./merge-patch.ts";
export { declaredRoutes, type MountOptions, mountRoutes } from "./mount-routes.ts";
export { createOpenApiDocument, type DocumentOptions, type OpenApiDocument } from "./openapi-document.ts";
export {
  DESCRIPTION_TAG,
  describedOnce,
  OPENAPI_PATH,
  OPENAPI_PREFIX,
  openApiRoute,
} from "./openapi-route.ts";
export { ETAG, etagOf, IF_MATCH, type IfMatch, requireMatch } from "./preconditions.ts";
export { type Problem, ProblemsError } from "./problems.ts";
export { refuseMethodsBut, refuseUnknownPaths } from "./refuse-elsewhere.ts";
export { MAX_PARAMETER_CHARACTERS, refuseMalformedPaths, routedUrlOf } from "./refuse-malformed-paths.ts";
export { RetryLaterError } from "./retry-later.ts";
export { whenClosed } from "./when-closed.ts";
