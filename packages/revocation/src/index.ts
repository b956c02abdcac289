export { carriedFeed } from "./carried-feed.ts";
export {
  createKeySpace,
  type KeySpace,
  type RevocationKey,
  type TokenCoordinates,
} from "./coordinates.ts";
export {
  isRevocationError,
  REVOCATION_ERRORS,
  type RevocationError,
  type RevocationErrorCode,
} from "./errors.ts";
export type { DecodedBatch, Feed, FeedCursor, FeedEvent } from "./feed.ts";
export { type HttpFeedOptions, httpFeed } from "./http/http-feed.ts";
export type { ReplicaChange, ReplicaState } from "./replica/announcer.ts";
export { createReplica } from "./replica/create-replica.ts";
export type { CheckedSnapshot } from "./replica/load-snapshot.ts";
export type { AppliedChange, Replica, ReplicaOptions } from "./replica/replica.ts";
export { type IndexStatistics, RevocationIndex, type RevocationIndexOptions } from "./revocation-index.ts";
export type { Verdict } from "./verdict.ts";
export type { RevocationView, ViewFreshness } from "./view.ts";
