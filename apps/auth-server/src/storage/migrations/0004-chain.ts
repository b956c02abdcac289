import { hash } from "node:crypto";
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

const ROWS_PER_READ = 1000;
const RECORD_BYTES = 40;
const CHAIN_BYTES = 32;

export const CHAIN_START: Uint8Array = new Uint8Array(CHAIN_BYTES);

// A migration sees the tables as they were when it was written, whatever they are now.
// biome-ignore lint/suspicious/noExplicitAny: there is no type for tables of the past
type AnyTables = any;

/** The columns of a revocation when the chain came. */
export const RECORD_COLUMNS = [
  "seq",
  "scope",
  "mode",
  "reason",
  "key",
  "revoked_at",
  "expires_at",
  "token_expires_at",
] as const;

export interface RecordRow {
  readonly seq: number;
  readonly scope: number;
  readonly mode: number;
  readonly reason: number;
  readonly key: Uint8Array;
  readonly revoked_at: number;
  readonly expires_at: number;
  readonly token_expires_at: number | null;
}

/** The chain over the log. Over what is there already it begins at the oldest row that is kept. */
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
      .limit(ROWS_PER_READ)
      .execute()) as RecordRow[];
    for (const row of rows) {
      chain = chainAfter(chain, row);
      await db.updateTable("revocations").set({ chain }).where("seq", "=", row.seq).execute();
    }
    if (rows.length < ROWS_PER_READ) return chain;
    after = rows.at(-1)!.seq;
  }
}

/**
 * The value after this row: SHA-256 over the value before it and the row's 40 bytes. A copy of how verifiers reckon it,
 * on purpose: a log that was chained by another rule would be taken for a forged one by all of them.
 */
export function chainAfter(chain: Uint8Array, row: RecordRow): Uint8Array {
  const message = new Uint8Array(CHAIN_BYTES + RECORD_BYTES);
  message.set(chain);
  const view = new DataView(message.buffer, CHAIN_BYTES);
  view.setBigUint64(0, BigInt(row.seq));
  view.setUint8(8, row.scope);
  view.setUint8(9, row.mode);
  view.setUint8(10, row.reason);
  view.setUint32(12, row.revoked_at);
  view.setUint32(16, row.expires_at);
  view.setUint32(20, row.token_expires_at ?? 0);
  message.set(row.key, CHAIN_BYTES + 24);
  return hash("sha256", message, "buffer");
}
