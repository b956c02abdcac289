import type { ChainedRecord, LogPosition, ServedLog } from "@portcullis/feed-server";
import { type Clock, encodeRecords } from "@portcullis/protocol";
import { createKeySpace, type KeySpace } from "@portcullis/revocation";
import type { Kysely } from "kysely";
import { coalesced } from "../coalesced.ts";
import type { Database, Dialect } from "../database.ts";
import { wholeSeconds } from "../stored-time.ts";
import type { RevocationDraft, Write } from "../write-transaction.ts";
import { logError } from "./errors.ts";
import { liveRecords } from "./live-records.ts";
import { type CounterTransaction, chainAfter, type NewRow, type Placed, placeInLog } from "./log-counter.ts";
import { createState, type LogState, type LogStatePosition, readPosition, readState } from "./log-state.ts";
import { leewaySeconds, SharedTime } from "./retention-clock.ts";
import { CHAINED_COLUMNS, chainedRecordOf, recordOf, rowOf } from "./revocation-row.ts";
import { keepTokenLifetime, settleTokenLifetime } from "./token-lifetimes.ts";

const ROWS_PER_READ = 1000;

export interface SqlRevocationLogOptions {
  readonly dialect: Dialect;
  readonly read: Kysely<Database>;
  /** For where the log stands: see Storage. */
  readonly readKept: Kysely<Database>;
  readonly tokenLifetimeSeconds: number;
  readonly clockSkewSeconds: number;
  readonly clock: Clock;
  /** See StorageOptions. */
  readonly databaseClock?: (() => Promise<number>) | undefined;
}

interface OpenOptions {
  /** On a writing connection, while no other server is starting on this database. */
  readonly write: Kysely<Database>;
  readonly randomBytes: (size: number) => Uint8Array;
}

type Listener = (records: readonly ChainedRecord[]) => void;

/**
 * The log, whose truth is the table `revocations`. `head()` is the newest seq that is on disk and that this server has
 * told all its subscribers. On PostgreSQL other servers append too, and the truth may be ahead of it: `refresh` reads it.
 */
export class SqlRevocationLog implements ServedLog {
  readonly hashKey: Uint8Array;
  readonly keySpace: KeySpace;
  readonly clockSkewSeconds: number;
  /** When a revocation may be forgotten. */
  readonly retention: SharedTime;
  /** As `refresh`, but from SQL on either database: after something has changed the log's state by hand. */
  readonly reload: () => Promise<number>;
  readonly #options: SqlRevocationLogOptions;
  readonly #listeners = new Set<Listener>();
  readonly #incarnationListeners = new Set<() => void>();
  #incarnation: string;
  #epoch: number;
  #tokenLifetimeSeconds: number;
  #head: number;
  #chain: Uint8Array;
  #oldestKept: number;

  static async open(options: SqlRevocationLogOptions & OpenOptions): Promise<SqlRevocationLog> {
    const retention = await SharedTime.open(options);
    await createState(options);
    const { write, tokenLifetimeSeconds, clockSkewSeconds, randomBytes } = options;
    const longestLifetimeSeconds = await settleTokenLifetime({
      write,
      tokenLifetimeSeconds,
      clockSkewSeconds,
      retention,
      randomBytes,
    });
    const state = await readState(options.read);
    return new SqlRevocationLog(options, { ...state, longestLifetimeSeconds, retention });
  }

  private constructor(
    options: SqlRevocationLogOptions,
    state: LogState & { readonly longestLifetimeSeconds: number; readonly retention: SharedTime },
  ) {
    this.#options = options;
    this.#tokenLifetimeSeconds = state.longestLifetimeSeconds;
    this.clockSkewSeconds = options.clockSkewSeconds;
    this.hashKey = state.hashKey;
    this.keySpace = createKeySpace(state.hashKey);
    this.retention = state.retention;
    this.reload = coalesced(() => this.#pull());
    this.#incarnation = state.incarnation;
    this.#epoch = state.epoch;
    this.#head = state.head;
    this.#chain = state.chain;
    this.#oldestKept = state.oldestKept;
  }

  get incarnation(): string {
    return this.#incarnation;
  }

  /** Of the incarnation: larger than those of all before it. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The longest of all servers on the database. It grows with a new incarnation only. */
  get tokenLifetimeSeconds(): number {
    return this.#tokenLifetimeSeconds;
  }

  head(): number {
    return this.#head;
  }

  position(): LogPosition {
    return { seq: this.#head, chain: this.#chain };
  }

  /** On SQLite one process has the file to itself: what it knows is the truth. */
  async refresh(): Promise<number> {
    return this.#options.dialect === "sqlite" ? this.#head : this.reload();
  }

  /** From this seq to the head nothing is missing. One past the head when nothing is kept. */
  oldestKept(): number {
    return this.#oldestKept;
  }

  read(after: number, limit: number): Promise<ChainedRecord[]> {
    return this.#readOn(this.#options.read, after, limit);
  }

  async #readOn(db: Kysely<Database>, after: number, limit: number): Promise<ChainedRecord[]> {
    const rows = await db
      .selectFrom("revocations")
      .select(CHAINED_COLUMNS)
      .where("seq", ">", after)
      .orderBy("seq")
      .limit(limit)
      .execute();
    return rows.map(chainedRecordOf);
  }

  liveRecords(upTo: number): AsyncIterable<Uint8Array> {
    const { dialect, read } = this.#options;
    return liveRecords({ log: this, dialect, read, upTo });
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Called when the log in SQL does not go on where it was left here: whoever follows must begin anew. */
  onIncarnation(listener: () => void): () => void {
    this.#incarnationListeners.add(listener);
    return () => this.#incarnationListeners.delete(listener);
  }

  /** Throws for what could not be stored or sent: in its own unit, and not at the end of the group that it is in. */
  rowsOf(drafts: readonly RevocationDraft[]): NewRow[] {
    const revokedAt = wholeSeconds(this.#options.clock);
    const { tokenLifetimeSeconds, clockSkewSeconds, retention } = this;
    const times = { tokenLifetimeSeconds, clockSkewSeconds, revokedAt, retention };
    const rows = drafts.map((draft) => rowOf(draft, this.keySpace, times));
    encodeRecords(rows.map((row) => recordOf({ seq: 1, ...row })));
    return rows;
  }

  /** Called by the group commit alone, as the last thing before COMMIT. */
  async place(transaction: CounterTransaction, appends: readonly Placed[]): Promise<ChainedRecord[]> {
    const { dialect } = this.#options;
    const rows = await placeInLog(transaction, appends, { incarnation: this.#incarnation, dialect });
    return rows.map(chainedRecordOf);
  }

  /** Called by the group commit alone, right after COMMIT. Other servers may have committed before it: theirs come first. */
  async publish(records: readonly ChainedRecord[]): Promise<void> {
    const last = records.at(-1);
    if (last === undefined) return;
    if (last.seq > this.#head && this.#deliver(records)) return;
    // A place that is known here already: a read of SQL was faster, or the database went back and gives it again.
    if (last.seq === this.#head && sameBytes(last.chain, this.#chain)) return;
    const head = await this.reload();
    if (head < last.seq) throw this.#rolledBack(`${last.seq}, then ${head}`);
  }

  /**
   * Says for `seconds` from now that this server issues tokens that live as long as its own configuration has it. Another
   * server, with another life in its configuration, takes it for the past otherwise.
   */
  async keepLifetime(write: Write, seconds: number): Promise<void> {
    const { tokenLifetimeSeconds, clockSkewSeconds } = this.#options;
    const until = this.retention.latest() + tokenLifetimeSeconds + leewaySeconds(clockSkewSeconds) + seconds;
    await write(({ db }) => keepTokenLifetime(db, { seconds: tokenLifetimeSeconds, until }));
  }

  /** Called by the pruning once rows are gone. */
  forgetBefore(seq: number): void {
    this.#oldestKept = Math.max(this.#oldestKept, seq);
  }

  async #pull(): Promise<number> {
    // Own commits may be delivered while this reads: what it finds is never older than what was known before.
    const known = this.position();
    const position = await readPosition(this.#options.readKept);
    const { head } = position;
    if (position.incarnation !== this.#incarnation) await this.#enter(position);
    // Restored, or failed over to a copy that had not everything. Nobody may be called fresh by it.
    else if (head < known.seq) throw this.#rolledBack(`${known.seq}, then ${head}`);
    else if (head === known.seq && !sameBytes(position.chain, known.chain)) {
      throw this.#rolledBack(`another record at ${head}`);
    }
    while (this.#head < head) {
      const records = await this.#readOn(this.#options.readKept, this.#head, ROWS_PER_READ);
      // Own commits may have been delivered while this was read.
      if (!this.#deliver(records) && this.#head < head) await this.#skipPruned(records);
    }
    this.forgetBefore(position.anchor_seq + 1);
    return head;
  }

  #rolledBack(detail: string): Error {
    return logError("log_rolled_back", { detail });
  }

  #gap(records: readonly ChainedRecord[]): Error {
    const found = records[0]?.seq ?? "nothing";
    return logError("log_inconsistent", {
      text: `After seq ${this.#head} the revocation log goes on with ${found}, and nothing was pruned there. Restore the database from a backup.`,
    });
  }

  /** This server was away for so long that what follows on its head has expired, and was pruned by others. */
  async #skipPruned(found: readonly ChainedRecord[]): Promise<void> {
    const position = await readPosition(this.#options.readKept);
    const isPruned = position.incarnation === this.#incarnation && position.anchor_seq > this.#head;
    if (!isPruned) throw this.#gap(found);
    this.#head = position.anchor_seq;
    this.#chain = position.anchor_chain;
    this.forgetBefore(this.#head + 1);
    for (const listener of this.#incarnationListeners) listener();
  }

  /** What is known is kept if it is the beginning of what is there; otherwise everything is delivered anew. */
  async #enter(position: LogStatePosition): Promise<void> {
    const [newest] = await this.#readOn(this.#options.readKept, this.#head - 1, 1);
    const isContinued =
      this.#head === 0 || (newest?.seq === this.#head && sameBytes(newest.chain, this.#chain));
    if (!isContinued) {
      this.#head = position.anchor_seq;
      this.#chain = position.anchor_chain;
      // The lost log may have been pruned further than this one.
      this.#oldestKept = position.anchor_seq + 1;
    }
    this.#incarnation = position.incarnation;
    this.#epoch = position.epoch;
    this.#tokenLifetimeSeconds = Math.max(this.#tokenLifetimeSeconds, position.longest_lifetime ?? 0);
    for (const listener of this.#incarnationListeners) listener();
  }

  /** To all subscribers, in order, each record once. False, and nothing done, when one before them is missing here. */
  #deliver(records: readonly ChainedRecord[]): boolean {
    const fresh = records.filter(({ seq }) => seq > this.#head);
    const last = fresh.at(-1);
    if (last === undefined) return records.length > 0;
    const first = fresh[0]!;
    if (first.seq !== this.#head + 1) return false;
    if (!sameBytes(chainAfter(this.#chain, first), first.chain)) {
      throw this.#rolledBack(`another record at ${first.seq}`);
    }
    this.#head = last.seq;
    this.#chain = last.chain;
    for (const listener of this.#listeners) notify(listener, fresh);
    return true;
  }
}

const sameBytes = (left: Uint8Array, right: Uint8Array): boolean => Buffer.compare(left, right) === 0;

/** A listener that throws has missed a revocation. The process must not go on without it: it starts anew from SQL. */
function notify(listener: Listener, records: readonly ChainedRecord[]): void {
  try {
    listener(records);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
