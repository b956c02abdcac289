import { setImmediate as nextTurn } from "node:timers/promises";
import { type Kysely, sql } from "kysely";
import type { Database } from "../storage/database.ts";
import type { RetentionClock } from "./retention-clock.ts";

/** Seqs of one slice: some milliseconds of work, and then others get their turn. */
const SLICE = 5000;

/**
 * The binary form of protocol/records.ts, in hexadecimal, made by SQLite: an object a row in between would take
 * four times as long, and a server with millions of live records would start that much later.
 */
const ENCODED_ROW = sql`printf(
  '%016x%02x%02x%02x00%08x%08x%08x%s',
  seq, scope, mode, reason, revoked_at, expires_at, coalesce(token_expires_at, 0), hex(key)
)`;

/**
 * The records that can still deny a token, encoded, from the oldest to `upTo`, in slices. No transaction is
 * held between slices and none is needed: rows up to a committed head never change, and only those that
 * expired may go.
 */
export async function* liveRecords(options: {
  readonly log: { oldestKept(): number; readonly retention: RetentionClock };
  readonly read: Kysely<Database>;
  readonly upTo: number;
}): AsyncGenerator<Uint8Array> {
  const { log, read, upTo } = options;
  for (let from = log.oldestKept(); from <= upTo; from += SLICE) {
    const { encoded } = await read
      .selectFrom("revocations")
      .select(sql<string | null>`group_concat(${ENCODED_ROW}, '' order by seq)`.as("encoded"))
      .where("seq", ">=", from)
      .where("seq", "<=", Math.min(upTo, from + SLICE - 1))
      .where("expires_at", ">=", log.retention.earliest())
      .executeTakeFirstOrThrow();
    if (encoded !== null) yield Buffer.from(encoded, "hex");
    await nextTurn();
  }
}
