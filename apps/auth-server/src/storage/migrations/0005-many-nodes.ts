import { randomBytes } from "node:crypto";
import type { ColumnDefinitionBuilder, Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import { CHAIN_START, chainAfter, chainRows, RECORD_COLUMNS, type RecordRow } from "./0004-chain.ts";

const IDENTIFIER_BYTES = 16;

// A migration sees the tables as they were when it was written, whatever they are now.
// biome-ignore lint/suspicious/noExplicitAny: there is no type for tables of the past
type AnyTables = any;

/** What several servers on one database must know of each other's verifiers, and where the kept log is anchored. */
export const addManyNodes: Migration = {
  async up(db: Kysely<AnyTables>): Promise<void> {
    const { schema } = db;
    const zero = (column: ColumnDefinitionBuilder) => column.notNull().defaultTo(0);
    await schema.alterTable("replicas").addColumn("incarnation", "text").execute();
    await schema.alterTable("replicas").addColumn("applied", "integer", zero).execute();
    await schema.alterTable("replicas").addColumn("renewal", "integer", zero).execute();
    await schema.alterTable("replicas").addColumn("chain", "text").execute();
    await schema.alterTable("replicas").addColumn("live", "text").execute();
    await schema.alterTable("revocation_state").addColumn("anchor_seq", "integer", zero).execute();
    await schema.alterTable("revocation_state").addColumn("anchor_chain", "blob").execute();
    const { seq, chain } = await anchorOf(db);
    await db.updateTable("revocation_state").set({ anchor_seq: seq, anchor_chain: chain }).execute();
  },
};

interface Anchor {
  readonly seq: number;
  readonly chain: Uint8Array;
}

/** The value of the chain before the oldest row that is kept. */
async function anchorOf(db: Kysely<AnyTables>): Promise<Anchor> {
  const oldest = (await db
    .selectFrom("revocations")
    .select([...RECORD_COLUMNS, "chain"])
    .orderBy("seq")
    .limit(1)
    .executeTakeFirst()) as (RecordRow & { chain: Uint8Array }) | undefined;
  if (oldest === undefined) return anchorAtHead(db);
  if (!Buffer.from(chainAfter(CHAIN_START, oldest)).equals(oldest.chain)) await chainAnew(db);
  return { seq: oldest.seq - 1, chain: CHAIN_START };
}

/** Rows before the oldest were pruned, and their values with them. Verifiers hold the old ones: they must begin anew. */
async function chainAnew(db: Kysely<AnyTables>): Promise<void> {
  const incarnation = randomBytes(IDENTIFIER_BYTES).toString("base64url");
  await db
    .updateTable("revocation_state")
    .set({ chain: await chainRows(db), incarnation })
    .execute();
}

async function anchorAtHead(db: Kysely<AnyTables>): Promise<Anchor> {
  const state = await db.selectFrom("revocation_state").select(["head", "chain"]).executeTakeFirst();
  return { seq: state?.head ?? 0, chain: state?.chain ?? CHAIN_START };
}
