/** Who has which delivery: one server at a time, for a time. */
import type { Clock } from "@portcullis/protocol";
import { type Kysely, sql, type Updateable } from "kysely";
import { countDeleted } from "../storage/count-deleted.ts";
import type { Database } from "../storage/database.ts";
import type { OutboxTable } from "../storage/tables/outbox.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";
import type { Delivery } from "./delivery.ts";

/** Milliseconds, as all times here. */
export interface Claim {
  readonly token: string;
  readonly now: number;
  /** From then on whoever has it is taken for dead. */
  readonly until: number;
  /** Whether rows that another server is claiming at this moment are left to it. Else it would wait, and find nothing. */
  readonly skipsLocked: boolean;
}

/**
 * Returns those that something is due for, in their order. It goes from one recipient to the next by the index: a hundred thousand rows
 * of one that is dead are not read.
 */
export async function dueRecipients(db: Kysely<Database>, now: number): Promise<readonly string[]> {
  const { rows } = await sql<{ readonly recipient: string }>`with recursive known (recipient) as (
      select min(recipient) from outbox where state = 'pending'
      union all
      select (select min(outbox.recipient) from outbox
        where outbox.state = 'pending' and outbox.recipient > known.recipient)
      from known where known.recipient is not null)
    select recipient from known where recipient is not null and exists (select 1 from outbox
      where outbox.state = 'pending' and outbox.recipient = known.recipient and outbox.next_at <= ${now})
    order by recipient`.execute(db);
  return rows.map(({ recipient }) => recipient);
}

/** Claims as many as are allotted to each, those that are due the longest first. A try that is begun counts, however it ends. */
export async function claimDue(
  transaction: WriteTransaction,
  allotted: ReadonlyMap<string, number>,
  claim: Claim,
): Promise<Delivery[]> {
  const claimed: Delivery[] = [];
  for (const [recipient, limit] of allotted) {
    const ids = await lockDue(transaction, { recipient, limit }, claim);
    if (ids.length === 0) continue;
    const change = { claim: claim.token, next_at: claim.until };
    const rows = await transaction.db
      .updateTable("outbox")
      .set((eb) => ({ ...change, attempts: eb("attempts", "+", 1) }))
      .where("id", "in", ids)
      .returningAll()
      .execute();
    claimed.push(...rows);
  }
  return claimed;
}

async function lockDue(
  { db, lockRows }: WriteTransaction,
  { recipient, limit }: { readonly recipient: string; readonly limit: number },
  { now, skipsLocked }: Claim,
): Promise<string[]> {
  const due = db
    .selectFrom("outbox")
    .select("id")
    .where("state", "=", "pending")
    .where("recipient", "=", recipient)
    .where("next_at", "<=", now)
    .orderBy("next_at")
    .limit(limit);
  const rows = await (skipsLocked ? due.forUpdate().skipLocked() : lockRows(due)).execute();
  return rows.map(({ id }) => id);
}

/** Notes how a try went, and gives whether it was still this server's. Undefined: there is nothing to keep of it. */
export async function settle(
  { db }: WriteTransaction,
  { id, claim }: Delivery,
  change: Omit<Updateable<OutboxTable>, "id" | "claim"> | undefined,
): Promise<boolean> {
  if (change === undefined)
    return (await countDeleted(db.deleteFrom("outbox").where("id", "=", id).where("claim", "=", claim))) > 0;
  const { numUpdatedRows } = await db
    .updateTable("outbox")
    .set({ ...change, claim: null })
    .where("id", "=", id)
    .where("claim", "=", claim)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

/** What was under way is due again. */
export async function forgetClaims({ db }: WriteTransaction, clock: Clock): Promise<void> {
  await db
    .updateTable("outbox")
    .set({ claim: null, next_at: clock.wallMs() })
    .where("claim", "is not", null)
    .where("state", "=", "pending")
    .execute();
}
