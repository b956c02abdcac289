import type { Clock, Log } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import type { Database } from "../database.ts";
import type { Write } from "../write-transaction.ts";

/** What was stored in the last seconds says that the store can be written. */
const TRUSTED_MS = 5000;
/** Anybody may ask for readiness, as often as they like. */
const PAUSE_MS = 500;

/** Whether what is written gets stored. A store that can be read says nothing about that. */
export class WriteHealth {
  readonly #operatorLog: Log;
  readonly #clock: Pick<Clock, "monotonicMs">;
  #storedAt = Number.NEGATIVE_INFINITY;
  #isFailing = false;
  #last: { readonly at: number; readonly answer: Promise<void> } | undefined;

  constructor(options: { readonly operatorLog: Log; readonly clock: Pick<Clock, "monotonicMs"> }) {
    this.#operatorLog = options.operatorLog;
    this.#clock = options.clock;
  }

  stored(): void {
    this.#storedAt = this.#clock.monotonicMs();
    if (this.#isFailing) this.#operatorLog.info({ event: "storage_written_again" });
    this.#isFailing = false;
  }

  failed(error: unknown): void {
    if (!this.#isFailing) this.#operatorLog.error({ event: "storage_not_written", error });
    this.#isFailing = true;
  }

  /** Rejects when a revocation could not be stored now. */
  check(write: Write): Promise<void> {
    const now = this.#clock.monotonicMs();
    if (!this.#isFailing && now - this.#storedAt < TRUSTED_MS) return Promise.resolve();
    if (this.#last === undefined || now - this.#last.at >= PAUSE_MS) {
      this.#last = { at: now, answer: write(({ db }) => writeOver(db, now)) };
    }
    return this.#last.answer;
  }
}

/** The one row of its table. */
async function writeOver(db: Kysely<Database>, value: number): Promise<void> {
  await db
    .updateTable("write_checks")
    .set({ value: Math.floor(value) })
    .execute();
}
