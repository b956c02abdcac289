export type { Authenticate, Caller } from "@portcullis/feed-server";
export type { LocalRevocations } from "./local-revocations.ts";
export type { Receipts } from "./receipts.ts";
export {
  createRevocations,
  type RevocationCounters,
  type RevocationLimits,
  type Revocations,
  type RevocationsOptions,
} from "./revocations.ts";
export type { EndBelow, RevocationTarget, RevokeCommand, Revoker } from "./revoker.ts";
export type { RevocationTables } from "./tables.ts";
