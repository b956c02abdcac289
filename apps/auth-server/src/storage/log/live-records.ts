import { setImmediate as nextTurn } from "node:timers/promises";
import { type Kysely, type RawBuilder, sql } from "kysely";
import type { Database, Dialect } from "../database.ts";
import type { RetentionClock } from "./retention-clock.ts";

/** Seqs of one slice: some milliseconds of work, and then others get their turn. */
const SLICE = 5000;

/**
 * The binary form of protocol/records.ts, made by the database: an object a row in between would take four times as
 * long, and a server with millions of live records would start that much later.
 */
const ENCODED: Readonly<Record<Dialect, RawBuilder<Uint8Array | string | null>>> = {
  /** In hexadecimal: SQLite concatenates no blobs. */
  sqlite: sql`group_concat(printf(
    '%016x%02x%02x%02x00%08x%08x%08x%s',
    seq, scope, mode, reason, revoked_at, expires_at, coalesce(token_expires_at, 0), hex(key)
  ), '' order by seq)`,
  postgres: sql`string_agg(
    int8send(seq)
    || int8send((scope << 56) | (mode << 48) | (reason << 40) | revoked_at)
    || int8send((expires_at << 32) | coalesce(token_expires_at, 0))
    || key, ''::bytea order by seq)`,
};

/**
 * The records that can still deny a token, encoded, from the oldest to `upTo`, in slices. No transaction is
 * held between slices and none is needed: rows up to a committed head never change, and only those that
 * expired may go.
 */
export async function* liveRecords(options: {
  readonly log: { oldestKept(): number; readonly retention: RetentionClock };
  readonly dialect: Dialect;
  readonly read: Kysely<Database>;
  readonly upTo: number;
}): AsyncGenerator<Uint8Array> {
  const { log, dialect, read, upTo } = options;
  for (let from = log.oldestKept(); from <= upTo; from += SLICE) {
    const { encoded } = await read
      .selectFrom("revocations")
      .select(ENCODED[dialect].as("encoded"))
      .where("seq", ">=", from)
      .where("seq", "<=", Math.min(upTo, from + SLICE - 1))
      .where("expires_at", ">=", log.retention.earliest())
      .executeTakeFirstOrThrow();
    if (encoded !== null) yield typeof encoded === "string" ? Buffer.from(encoded, "hex") : encoded;
    await nextTurn();
  }
}
