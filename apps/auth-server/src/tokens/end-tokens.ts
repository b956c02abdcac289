/**
 * What ends tokens for scripts. An owner has few: their rows are changed in the transaction that appends the record. Of one API there may
 * be very many, and so a cutoff is stored in their place: as in the log, a token that was made before it has ended.
 *
 * A row has the head of the log as it was when the row was made. A cutoff has a seq at or behind that of its record, taken when the log's
 * counter is held. So a row that reads that head or a later one was made after the commit, and lives. Any other is dead, also one that was
 * being made at that moment: it fails closed.
 */
import type { OpaqueTokenKind, Reason } from "@portcullis/protocol";
import { sql } from "kysely";
import type { WriteTransaction } from "../storage/write-transaction.ts";

/** All tokens for which everything holds that is named; one is named at least. */
export interface TokenSelection {
  readonly id?: string;
  readonly ownerId?: string;
  readonly kind?: OpaqueTokenKind;
  readonly api?: string;
}

interface TokenEnding {
  readonly reason: Reason;
  /** Seconds. */
  readonly now: number;
}

/** In the transaction that appends the record. Those that have ended before keep their reason. */
export async function endTokens(
  { db, lockRows }: Pick<WriteTransaction, "db" | "lockRows">,
  { id, ownerId, kind, api }: TokenSelection,
  { reason, now }: TokenEnding,
): Promise<void> {
  if (id === undefined && ownerId === undefined) throw new TypeError("tokens of nobody are ended");
  let query = db.selectFrom("script_tokens").select("id").where("ended_at", "is", null);
  if (id !== undefined) query = query.where("id", "=", id);
  if (ownerId !== undefined) query = query.where("owner_id", "=", ownerId);
  if (kind !== undefined) query = query.where("kind", "=", kind);
  if (api !== undefined) query = query.where("api", "=", api);
  // Locked in the order in which everybody locks: the next statement has none.
  const ids = (await lockRows(query.orderBy("id")).execute()).map((row) => row.id);
  if (ids.length === 0) return;
  const ended = { ended_at: now, end_reason: reason };
  await db.updateTable("script_tokens").set(ended).where("id", "in", ids).execute();
}

/** Undefined: the tokens for all APIs. */
export function cutTokensOff(
  transaction: WriteTransaction,
  api: string | undefined,
  { reason, now }: TokenEnding,
): void {
  const cutoff = { seq: sql<number>`(select head from revocation_state)`, reason, cut_at: now };
  const key = { scope: api === undefined ? "issuer" : "audience", key: api ?? "" } as const;
  transaction.atGroupEnd(async (db) => {
    await db
      .insertInto("script_token_cutoffs")
      .values({ ...key, ...cutoff })
      .onConflict((conflict) => conflict.columns(["scope", "key"]).doUpdateSet(cutoff))
      .execute();
  });
}

const REACHES = sql`script_token_cutoffs.seq > script_tokens.horizon
  and (script_token_cutoffs.scope = 'issuer' or script_token_cutoffs.key = script_tokens.api)`;

/** On rows of `script_tokens`. */
export const IS_CUT_OFF = sql<boolean>`exists (select 1 from script_token_cutoffs where ${REACHES})`;

const ofFirst = <Value>(column: string) =>
  sql<Value | null>`(select ${sql.ref(`script_token_cutoffs.${column}`)} from script_token_cutoffs
    where ${REACHES} order by script_token_cutoffs.seq, script_token_cutoffs.scope limit 1)`;

/** Of the cutoff that has ended it, if one has. */
export const CUT_REASON = ofFirst<Reason>("reason");
export const CUT_AT = ofFirst<number>("cut_at");
