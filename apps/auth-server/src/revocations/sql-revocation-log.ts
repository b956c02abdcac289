import { hash } from "node:crypto";
import type { ChainedRecord, LogPosition, ServedLog } from "@portcullis/feed-server";
import {
  CHAIN_START,
  encodeIdentifier,
  encodeRecords,
  extendChain,
  IDENTIFIER_BYTES,
} from "@portcullis/protocol";
import { createKeySpace, type KeySpace } from "@portcullis/revocation";
import type { Kysely } from "kysely";
import type { Database } from "../storage/database.ts";
import type { RevocationDraft } from "../storage/write-transaction.ts";
import { revocationsError } from "./errors.ts";
import { liveRecords } from "./live-records.ts";
import { createRetentionClock, type RetentionClock } from "./retention-clock.ts";
import { CHAINED_COLUMNS, chainedRecordOf, recordOf, rowOf } from "./revocation-row.ts";
import type { RevocationsTable } from "./tables.ts";
import { settleTokenLifetime } from "./token-lifetimes.ts";

const HASH_KEY_BYTES = 32;
/** Rows of one INSERT; SQLite takes 32,766 parameters, a row has 12. */
const ROWS_A_STATEMENT = 200;

export interface SqlRevocationLogOptions {
  readonly read: Kysely<Database>;
  readonly tokenLifetimeSeconds: number;
  readonly clockSkewSeconds: number;
  readonly nowSeconds: () => number;
  readonly monotonicMs?: () => number;
}

interface LogState {
  readonly incarnation: string;
  readonly head: number;
  readonly chain: Uint8Array;
  readonly hashKey: Uint8Array;
  readonly oldestKept: number;
}

type Listener = (records: readonly ChainedRecord[]) => void;

/**
 * The log, whose truth is the table `revocations`. `head()` is the newest seq that is on disk: the group commit
 * moves it, in the same turn in which its COMMIT returned.
 */
export class SqlRevocationLog implements ServedLog {
  readonly incarnation: string;
  readonly hashKey: Uint8Array;
  readonly keySpace: KeySpace;
  readonly tokenLifetimeSeconds: number;
  readonly clockSkewSeconds: number;
  /** When a revocation may be forgotten. */
  readonly retention: RetentionClock;
  readonly #options: SqlRevocationLogOptions;
  readonly #listeners = new Set<Listener>();
  #head: number;
  #chain: Uint8Array;
  #oldestKept: number;

  static async open(options: SqlRevocationLogOptions & OpenOptions): Promise<SqlRevocationLog> {
    await createState(options);
    const tokenLifetimeSeconds = await settleTokenLifetime(options);
    return new SqlRevocationLog({ ...options, tokenLifetimeSeconds }, await readState(options.read));
  }

  private constructor(options: SqlRevocationLogOptions, state: LogState) {
    this.#options = options;
    this.tokenLifetimeSeconds = options.tokenLifetimeSeconds;
    this.clockSkewSeconds = options.clockSkewSeconds;
    this.incarnation = state.incarnation;
    this.hashKey = state.hashKey;
    this.keySpace = createKeySpace(state.hashKey);
    this.retention = createRetentionClock(options);
    this.#head = state.head;
    this.#chain = state.chain;
    this.#oldestKept = state.oldestKept;
  }

  head(): number {
    return this.#head;
  }

  position(): LogPosition {
    return { seq: this.#head, chain: this.#chain };
  }

  /** One process has the file to itself: what it knows is the truth. */
  async refresh(): Promise<number> {
    return this.#head;
  }

  /** From this seq to the head nothing is missing. One past the head when nothing is kept. */
  oldestKept(): number {
    return this.#oldestKept;
  }

  async read(after: number, limit: number): Promise<ChainedRecord[]> {
    const rows = await this.#options.read
      .selectFrom("revocations")
      .select(CHAINED_COLUMNS)
      .where("seq", ">", after)
      .orderBy("seq")
      .limit(limit)
      .execute();
    return rows.map(chainedRecordOf);
  }

  liveRecords(upTo: number): AsyncIterable<Uint8Array> {
    return liveRecords({ log: this, read: this.#options.read, upTo });
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Called by a unit of writing, in its transaction. The counter row gives the seqs: whoever updated it holds
   * the write lock until its commit, so that the order of seqs is the order of commits, and a rollback takes
   * the seqs back together with the rows.
   */
  async append(db: Kysely<Database>, drafts: readonly RevocationDraft[]): Promise<ChainedRecord[]> {
    if (drafts.length === 0) return [];
    const revokedAt = Math.floor(this.#options.nowSeconds());
    const times = { ...this.#options, revokedAt, retention: this.retention };
    const rows = drafts.map((draft) => rowOf(draft, this.keySpace, times));
    const { head, chain } = await db
      .updateTable("revocation_state")
      .set((expression) => ({ head: expression("head", "+", rows.length) }))
      .returning(["head", "chain"])
      .executeTakeFirstOrThrow();
    const numbered = chained(rows, { seq: head - rows.length, chain });
    await db
      .updateTable("revocation_state")
      .set({ chain: numbered.at(-1)!.chain })
      .execute();
    for (let at = 0; at < numbered.length; at += ROWS_A_STATEMENT) {
      await db
        .insertInto("revocations")
        .values(numbered.slice(at, at + ROWS_A_STATEMENT))
        .execute();
    }
    return numbered.map(chainedRecordOf);
  }

  /** Called by the group commit alone, right after COMMIT. */
  publish(records: readonly ChainedRecord[]): void {
    if (records.length === 0) return;
    const inOrder = records.toSorted((left, right) => left.seq - right.seq);
    this.#head = inOrder.at(-1)!.seq;
    this.#chain = inOrder.at(-1)!.chain;
    for (const listener of this.#listeners) notify(listener, inOrder);
  }

  /** Called by the pruning once rows are gone. */
  forgetBefore(seq: number): void {
    this.#oldestKept = Math.max(this.#oldestKept, seq);
  }
}

/** Gives each row its place, and the value of the chain there. */
function chained(
  rows: readonly Omit<RevocationsTable, "seq" | "chain">[],
  after: LogPosition,
): RevocationsTable[] {
  let { seq, chain } = after;
  return rows.map((row) => {
    seq++;
    chain = extendChain(chain, encodeRecords([recordOf({ seq, ...row })]), sha256);
    return { seq, ...row, chain };
  });
}

const sha256 = (bytes: Uint8Array): Uint8Array => hash("sha256", bytes, "buffer");

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

interface OpenOptions {
  /** On the writing connection, before there is any other writer. */
  readonly write: Kysely<Database>;
  readonly randomBytes: (size: number) => Uint8Array;
}

async function createState({ write, randomBytes }: OpenOptions): Promise<void> {
  await write
    .insertInto("revocation_state")
    .values({
      id: 1,
      incarnation: encodeIdentifier(randomBytes(IDENTIFIER_BYTES)),
      head: 0,
      chain: CHAIN_START,
      hash_key: randomBytes(HASH_KEY_BYTES),
      anchor_seq: 0,
      anchor_chain: CHAIN_START,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

async function readState(read: Kysely<Database>): Promise<LogState> {
  const state = await read.selectFrom("revocation_state").selectAll().executeTakeFirstOrThrow();
  const kept = await read
    .selectFrom("revocations")
    .select(({ fn }) => [
      fn.min("seq").as("oldest"),
      fn.max("seq").as("newest"),
      fn.countAll<number>().as("count"),
    ])
    .executeTakeFirstOrThrow();
  const oldestKept = kept.oldest ?? state.head + 1;
  if ((kept.newest ?? state.head) !== state.head || kept.count !== state.head - oldestKept + 1) {
    // Edited by hand or damaged. To go on would be to leave out a revocation without a word.
    throw revocationsError("log_inconsistent", {
      text: `The revocation log ends at ${kept.newest} with ${kept.count} rows from ${oldestKept}, its counter at ${state.head}. Restore the database from a backup.`,
    });
  }
  const { incarnation, head, chain, hash_key: hashKey } = state;
  return { incarnation, head, chain, hashKey, oldestKept };
}
