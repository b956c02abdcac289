/**
 * Where revocations get their place. The counter row gives the seqs: whoever has taken it holds it until its commit, so
 * that the order of seqs is the order of commits, and a rollback takes the seqs back together with the rows. Every
 * writer of every server waits for it, so it is taken last.
 */
import { hash } from "node:crypto";
import type { LogPosition } from "@portcullis/feed-server";
import { encodeRecords, extendChain, type RevocationRecord } from "@portcullis/protocol";
import { type Kysely, sql } from "kysely";
import type { Database } from "../storage/database.ts";
import type { LockRows } from "../storage/write-transaction.ts";
import { revocationsError } from "./errors.ts";
import { recordOf } from "./revocation-row.ts";
import type { RevocationsTable } from "./tables.ts";

export type NewRow = Omit<RevocationsTable, "seq" | "chain">;

/** What was asked to be appended at once, and is to be told its newest seq. */
export interface Placed {
  readonly rows: readonly NewRow[];
  place(seq: number): void;
}

/** Of PostgreSQL's LISTEN and NOTIFY: the other servers hear of a commit through it. */
export const CHANNEL = "portcullis";
/** Rows of one INSERT; SQLite takes 32,766 parameters, a row has 12. */
const ROWS_A_STATEMENT = 200;

export interface CounterTransaction {
  readonly db: Kysely<Database>;
  readonly lockRows: LockRows;
}

/** Inserts the rows of all, in order, and gives them as they stand in the log. */
export async function placeInLog(
  { db, lockRows }: CounterTransaction,
  all: readonly Placed[],
  { incarnation, notifies }: { readonly incarnation: string; readonly notifies: boolean },
): Promise<RevocationsTable[]> {
  const before = await lockRows(
    db.selectFrom("revocation_state").select(["incarnation", "head", "chain"]),
  ).executeTakeFirstOrThrow();
  if (before.incarnation !== incarnation) {
    // With it, tokens may live longer than the rows' ends were computed for. This server catches up first.
    throw revocationsError("temporarily_unavailable", { detail: "the log has another incarnation" });
  }
  const numbered = chained(
    all.flatMap(({ rows }) => rows),
    { seq: before.head, chain: before.chain },
  );
  tellPlaces(all, before.head);
  const last = numbered.at(-1);
  if (last === undefined) return [];
  for (let at = 0; at < numbered.length; at += ROWS_A_STATEMENT) {
    const values = numbered.slice(at, at + ROWS_A_STATEMENT);
    await db.insertInto("revocations").values(values).execute();
  }
  await db.updateTable("revocation_state").set({ head: last.seq, chain: last.chain }).execute();
  if (notifies) await notify(db, { incarnation: before.incarnation, seq: last.seq });
  return numbered;
}

function tellPlaces(all: readonly Placed[], head: number): void {
  let seq = head;
  for (const placed of all) {
    seq += placed.rows.length;
    placed.place(seq);
  }
}

/** Sent by PostgreSQL at the commit, and never without it. */
async function notify(
  db: Kysely<Database>,
  position: { readonly incarnation: string; readonly seq: number },
): Promise<void> {
  const message = JSON.stringify({ type: "head", ...position });
  await sql`select pg_notify(${CHANNEL}, ${message})`.execute(db);
}

/** Gives each row its place, and the value of the chain there. */
function chained(rows: readonly NewRow[], after: LogPosition): RevocationsTable[] {
  let { seq, chain } = after;
  return rows.map((row) => {
    seq++;
    chain = chainAfter(chain, recordOf({ seq, ...row }));
    return { seq, ...row, chain };
  });
}

export const chainAfter = (chain: Uint8Array, record: RevocationRecord): Uint8Array =>
  extendChain(chain, encodeRecords([record]), sha256);

const sha256 = (bytes: Uint8Array): Uint8Array => hash("sha256", bytes, "buffer");
