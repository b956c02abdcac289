import { hash } from "node:crypto";
import { CHAIN_START, encodeRecords, extendChain } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import { RECORD_COLUMNS, type RecordRow, recordOf } from "../../revocations/revocation-row.ts";

const ROWS_A_READ = 1000;

// A migration sees the tables as they were when it was written, whatever they are now.
// biome-ignore lint/suspicious/noExplicitAny: there is no type for tables of the past
type AnyTables = any;

/** The chain over the log (protocol/chain.ts). Over what is there already it begins at the oldest row that is kept. */
export const addChain: Migration = {
  async up(db: Kysely<AnyTables>): Promise<void> {
    await db.schema.alterTable("revocations").addColumn("chain", "blob").execute();
    await db.schema.alterTable("revocation_state").addColumn("chain", "blob").execute();
    const chain = await chainRows(db);
    await db.updateTable("revocation_state").set({ chain }).execute();
  },
};

/** Chains all rows that are there, from the start of the chain. Gives its value at the newest. */
export async function chainRows(db: Kysely<AnyTables>): Promise<Uint8Array> {
  let chain = CHAIN_START;
  for (let after = 0; ; ) {
    const rows = (await db
      .selectFrom("revocations")
      .select(RECORD_COLUMNS)
      .where("seq", ">", after)
      .orderBy("seq")
      .limit(ROWS_A_READ)
      .execute()) as RecordRow[];
    for (const row of rows) {
      chain = extendChain(chain, encodeRecords([recordOf(row)]), (bytes) => hash("sha256", bytes, "buffer"));
      await db.updateTable("revocations").set({ chain }).where("seq", "=", row.seq).execute();
    }
    if (rows.length < ROWS_A_READ) return chain;
    after = rows.at(-1)!.seq;
  }
}
