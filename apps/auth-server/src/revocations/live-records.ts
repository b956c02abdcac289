import { setImmediate as nextTurn } from "node:timers/promises";
import { encodeRecords } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import type { Database } from "../storage/database.ts";
import { RECORD_COLUMNS, recordOf } from "./revocation-row.ts";
import type { SqlRevocationLog } from "./sql-revocation-log.ts";

/** Seqs of one slice: some milliseconds of work, and then others get their turn. */
const SLICE = 2000;

/**
 * The records that can still deny a token, encoded, from the oldest to `upTo`, in slices. No transaction is
 * held between slices and none is needed: rows up to a committed head never change, and only those that
 * expired may go.
 */
export async function* liveRecords(options: {
  readonly log: SqlRevocationLog;
  readonly read: Kysely<Database>;
  readonly upTo: number;
  readonly nowSeconds: () => number;
}): AsyncGenerator<Uint8Array> {
  const { log, read, upTo } = options;
  for (let from = log.oldestKept(); from <= upTo; from += SLICE) {
    const rows = await read
      .selectFrom("revocations")
      .select(RECORD_COLUMNS)
      .where("seq", ">=", from)
      .where("seq", "<=", Math.min(upTo, from + SLICE - 1))
      .where("expires_at", ">=", Math.floor(options.nowSeconds()))
      .orderBy("seq")
      .execute();
    if (rows.length > 0) yield encodeRecords(rows.map(recordOf));
    await nextTurn();
  }
}
