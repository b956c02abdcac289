/**
 * Where revocations get their place. The counter row gives the seqs: whoever has taken it holds it until its commit, so
 * that the order of seqs is the order of commits, and a rollback takes the seqs back together with the rows. Every
 * writer of every server waits for it, so it is taken last.
 */
import { hash } from "node:crypto";
import type { LogPosition } from "@portcullis/feed-server";
import { encodeRecords, extendChain, type RevocationRecord } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import type { Database, Dialect } from "../database.ts";
import type { RevocationsTable } from "../tables/revocations.ts";
import type { LockRows } from "../write-transaction.ts";
import { logError } from "./errors.ts";
import { noteStandingRefusals } from "./note-standing-refusals.ts";
import { recordOf } from "./revocation-row.ts";
import { storeRows } from "./store-rows.ts";

export type NewRow = Omit<RevocationsTable, "seq" | "chain">;

/** What was asked to be appended at once, and is to be told its newest seq. */
export interface Placed {
  readonly rows: readonly NewRow[];
  place(seq: number): void;
}

export interface CounterTransaction {
  readonly db: Kysely<Database>;
  readonly lockRows: LockRows;
}

/** Inserts the rows of all, in order, and gives them as they stand in the log. */
export async function placeInLog(
  { db, lockRows }: CounterTransaction,
  all: readonly Placed[],
  { incarnation, dialect }: { readonly incarnation: string; readonly dialect: Dialect },
): Promise<RevocationsTable[]> {
  const before = await lockRows(
    db.selectFrom("revocation_state").select(["incarnation", "head", "chain"]),
  ).executeTakeFirstOrThrow();
  if (before.incarnation !== incarnation) {
    // With it, tokens may live longer than the rows' ends were computed for. This server catches up first.
    throw logError("temporarily_unavailable", { detail: "the log has another incarnation" });
  }
  const numbered = chained(
    all.flatMap(({ rows }) => rows),
    { seq: before.head, chain: before.chain },
  );
  tellPlaces(all, before.head);
  if (numbered.length > 0) await storeRows[dialect](db, { incarnation, rows: numbered });
  await noteStandingRefusals(db, numbered, dialect);
  return numbered;
}

function tellPlaces(all: readonly Placed[], head: number): void {
  let seq = head;
  for (const placed of all) {
    seq += placed.rows.length;
    placed.place(seq);
  }
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
