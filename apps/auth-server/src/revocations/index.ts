export type { Authenticate, Caller } from "@portcullis/feed-server";
export type { RevocationTables } from "../storage/tables/revocations.ts";
export { STATE_REASONS } from "./check-revocation-request.ts";
export type { LocalRevocations } from "./local-revocations.ts";
export { gone, waitOf } from "./prefer-wait.ts";
export type { Receipts } from "./receipts.ts";
export {
  createRevocations,
  type RevocationCounters,
  type RevocationLimits,
  type Revocations,
  type RevocationsOptions,
} from "./revocations.ts";
export {
  type EndBelow,
  type FindTarget,
  type FoundTarget,
  findKill,
  keyOf,
  type Reach,
  type RevocationTarget,
  type RevokeCommand,
  type Revoked,
  type Revoker,
  reasonOf,
  takeAsItIs,
} from "./revoker.ts";
