export { ENFORCED, EXAMPLE_SID, PENDING } from "./api/examples.ts";
export { waitForReceipt } from "./api/prefer-wait.ts";
export { OUTAGES } from "./errors.ts";
export type { Bus, BusMessage } from "./many-servers/bus.ts";
export { parseBusMessage } from "./many-servers/postgres-bus.ts";
export type { Receipts } from "./receipts/receipts.ts";
export {
  createRevocations,
  type RevocationCounters,
  type RevocationLimits,
  type Revocations,
  type RevocationsOptions,
} from "./revocations.ts";
export { STATE_REASONS } from "./revoke/check-revocation-request.ts";
export {
  type BlastRadiusOf,
  type EndBelow,
  type FindTarget,
  type FoundTarget,
  findKill,
  keyOf,
  NOTHING,
  type Reach,
  type RevocationTarget,
  type RevokeCommand,
  type Revoked,
  type Revoker,
  reasonOf,
  takeAsItIs,
  UNCOUNTED,
} from "./revoke/revoker.ts";
export { rehearse, type TryOutOptions, tryOut } from "./revoke/try-out.ts";
export { createRecognizeHead, createSignHead } from "./rollback/sign-head.ts";
export type { LocalRevocations } from "./verifiers/local-revocations.ts";
