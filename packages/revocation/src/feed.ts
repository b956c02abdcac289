import type { LeaseRequest, LeaseResponse, RefusedFeed, Reset } from "@portcullis/protocol";

/** A batch off the wire: whole records (40 bytes each) of the seqs `from`..`to`; `prev` is the seq before them. */
export interface DecodedBatch {
  readonly incarnation: string;
  readonly prev: number;
  readonly from: number;
  readonly to: number;
  readonly records: Uint8Array;
  /** Value of the chain at `to` (protocol/chain.ts); base64url of 32 bytes. */
  readonly chain: string;
  /** The issuer's word on `to` (protocol/signed-head.ts). */
  readonly signedHead?: string | undefined;
}

export type FeedEvent =
  | { readonly type: "batch"; readonly batch: DecodedBatch }
  | { readonly type: "reset"; readonly reset: Reset }
  | { readonly type: "heartbeat" };

export interface FeedCursor {
  readonly incarnation: string;
  readonly seq: number;
}

/**
 * Port a replica reads the log through. It may deliver late, twice or out of order, and may end at any time:
 * the replica checks `prev` and comes again. Every call rejects when `signal` aborts.
 */
export interface Feed {
  /** Returns the bytes of a snapshot, as in protocol/snapshot.ts. */
  snapshot(signal: AbortSignal): Promise<Uint8Array>;
  /** Follows the log from the cursor. Ends, or throws, when the connection does. */
  stream(cursor: FeedCursor, signal: AbortSignal): AsyncIterable<FeedEvent>;
  /** Asks for a lease. Throws `feed_conflict` when the log is of another incarnation or behind `applied`. */
  lease(request: LeaseRequest, signal: AbortSignal): Promise<LeaseResponse>;
  /** Told when something that came was wrong, so that no more of it is taken from whoever brought it. */
  refused?(refusal: Omit<RefusedFeed, "carrier">): void;
}
