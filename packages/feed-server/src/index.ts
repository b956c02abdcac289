export { ackIntervalFor } from "./ack-interval.ts";
export { feedError } from "./errors.ts";
export { EventStream } from "./event-stream.ts";
export { ExclusiveLeases } from "./exclusive-leases.ts";
export { batchEvent, HEARTBEAT, resetEvent } from "./feed-events.ts";
export { FeedHub } from "./feed-hub.ts";
export { type FeedRoutesOptions, feedRoutes } from "./feed-routes.ts";
export { FeedStreams } from "./feed-streams.ts";
export { hashOfSecret } from "./hash-of-secret.ts";
export { HeadSigner, type SignHead } from "./head-signer.ts";
export { countedFor, type Entering, type Granting, type LeaseBook, LONGEST_LEASE_MS } from "./lease-book.ts";
export { type AheadOfHead, LeaseDesk } from "./lease-desk.ts";
export type { KnownLeaseHolder, LeaseHolderDirectory } from "./lease-holder-directory.ts";
export {
  keyOfLeaseHolder,
  type Laggard,
  type Lease,
  type LeaseChange,
  type LeaseHolder,
  type LeaseReport,
  type Leases,
  LeaseTable,
} from "./lease-table.ts";
export { DEFAULT_LEASE_TERMS, type LeaseTerms } from "./lease-terms.ts";
export type { ChainedRecord, LogPosition, ServedLog, StreamedLog } from "./served-log.ts";
export { Snapshots } from "./snapshots.ts";
export { every } from "./timers.ts";
