import type { Log } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import type { Database } from "../database.ts";
import type { Write, WriteTransaction } from "../write-transaction.ts";

export interface RowCapOptions {
  readonly storage: { readonly read: Kysely<Database>; readonly write: Write };
  /** What is counted, for the operator's log. */
  readonly rows: string;
  readonly most: number;
  /** Counts no further than `limit`. */
  readonly count: (db: Kysely<Database>, limit: number) => Promise<number>;
  /** Takes away up to `limit`, the oldest first, and never what belongs to somebody signed in. */
  readonly removeOldest: (transaction: WriteTransaction, limit: number) => Promise<number>;
  readonly operatorLog: Log;
}

/** Share that goes at once, and after which it is counted again: other servers add rows, too, and pruning takes some. */
const STEP = 1 / 20;
const REPORT_MS = 60_000;

/**
 * Bounds how many rows there are of one kind that strangers make: the oldest make way for new ones. It is counted now
 * and then and not at each insert, so there may be a twentieth more for each server.
 */
export class RowCap {
  readonly #options: RowCapOptions;
  readonly #step: number;
  #known = 0;
  #untilCount = 0;
  #making: Promise<void> | undefined;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(options: RowCapOptions) {
    this.#options = options;
    this.#step = Math.max(1, Math.floor(options.most * STEP));
  }

  /** To be awaited before a row is added, outside of any unit. */
  async makeWay(): Promise<void> {
    while (this.#untilCount <= 0 || this.#known >= this.#options.most) await this.#lookOrRemove();
    this.#known++;
    this.#untilCount--;
  }

  /** One at a time: whoever comes meanwhile waits for it, which slows a flood down, too. */
  #lookOrRemove(): Promise<void> {
    this.#making ??= this.#once().finally(() => {
      this.#making = undefined;
    });
    return this.#making;
  }

  async #once(): Promise<void> {
    const { storage, most, count, removeOldest } = this.#options;
    this.#known = await count(storage.read, most + this.#step);
    this.#untilCount = this.#step;
    if (this.#known < most) return;
    const removed = await storage.write((transaction) => removeOldest(transaction, this.#step));
    // None found: they are others' by now. It must not wait here for ever.
    this.#known = removed === 0 ? 0 : most - removed;
    this.#tell(removed);
  }

  #tell(removed: number): void {
    const now = performance.now();
    if (now - this.#reportedAt < REPORT_MS) return;
    this.#reportedAt = now;
    const { rows, most, operatorLog } = this.#options;
    operatorLog.warn({ event: "oldest_rows_make_way", rows, most, removed });
  }
}
