export { type ConnectedGuard, type ConnectOptions, connect } from "./connect.ts";
export type {
  AllowDecision,
  Caller,
  Decision,
  DenialBody,
  DenyDecision,
  Ending,
  Following,
  Freshness,
  Guard,
  GuardCounters,
  Principal,
  Requirements,
} from "./decision.ts";
export {
  DENIALS,
  type DenialCode,
  GUARD_ERRORS,
  type GuardError,
  type GuardErrorCode,
  isGuardError,
} from "./errors.ts";
export { checkFreshness, checkRequirements, DEFAULT_FRESHNESS } from "./freshness.ts";
export { createGuard, type GuardOptions } from "./guard.ts";
