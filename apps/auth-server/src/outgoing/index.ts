export { isOutgoingError, type OutgoingErrorCode } from "./errors.ts";
export {
  type GuardedFetch,
  type GuardedRequest,
  type Outgoing,
  type OutgoingOptions,
  openOutgoing,
} from "./guarded-fetch.ts";
export {
  type PrivateTargets,
  privateTargets,
  privateTargetsSchema,
  problemOfTarget,
} from "./private-targets.ts";
