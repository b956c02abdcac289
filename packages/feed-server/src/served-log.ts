import type { RevocationRecord } from "@portcullis/protocol";

/** A record, and the value of the chain after it (protocol/chain.ts). */
export interface ChainedRecord extends RevocationRecord {
  /** 32 bytes. */
  readonly chain: Uint8Array;
}

/** Place in the log, and the value of the chain there: together they name everything up to it. */
export interface LogPosition {
  readonly seq: number;
  /** 32 bytes. */
  readonly chain: Uint8Array;
}

/**
 * Port the feed is served from: the log in SQL at the authorization server, a copy of it at a relay. A process may
 * lag behind the truth that it was taken from; `refresh` catches up with it.
 */
export interface StreamedLog {
  /** Changes when the database was restored or failed over: cursors of another incarnation are void. */
  readonly incarnation: string;
  /** 32 bytes: maps subjects, clients and other texts to keys. */
  readonly hashKey: Uint8Array;
  /** Longest life of an access token. */
  readonly tokenLifetimeSeconds: number;
  readonly clockSkewSeconds: number;
  /** Newest seq that this process knows to be committed; 0 when there is none. Every subscriber has it. */
  head(): number;
  position(): LogPosition;
  /**
   * The newest seq as the truth has it, read after the call; `head()` and all subscribers have reached it when this
   * resolves. Rejects when the truth cannot be asked: nobody may be called fresh then.
   */
  refresh(): Promise<number>;
  /** From this seq to the head nothing is missing. One past the head when nothing is kept. */
  oldestKept(): number;
  /** Records with seq > `after`, in order, at most `limit`. */
  read(after: number, limit: number): Promise<ChainedRecord[]>;
  /**
   * Where a batch that follows on `after` ends: `upTo` if it can. For a log that is passed on by one who cannot sign, and
   * has the issuer's word only on some places. Absent: anywhere.
   */
  batchEnd?(after: number, upTo: number): number | undefined;
  /** Called at commit, in order, without gaps. Returns the function that ends the subscription. */
  subscribe(listener: (records: readonly ChainedRecord[]) => void): () => void;
}

/** The log where snapshots are made of it: at the issuer alone, since they are signed. */
export interface ServedLog extends StreamedLog {
  /**
   * The records up to `upTo` that can still deny a token, encoded (protocol/records.ts), in order, in slices. Others
   * get their turn between two slices.
   */
  liveRecords(upTo: number): AsyncIterable<Uint8Array>;
}
