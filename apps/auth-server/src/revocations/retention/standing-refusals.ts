/**
 * Refusals that never end, in a log whose records all do. A record denies for as long as a token of its time can live;
 * whoever has stolen a key makes new ones. So what is refused for good is noted in a table as it enters the log, and
 * before its record expires another one is appended: verifiers, snapshots and servers that start always find one, and
 * pruning the log from its old end is never held up. Membership records may come twice, in any order.
 *
 * No clock decides when a refusal ends, since none does. A clock that is wrong makes records come early, or, when it is
 * set back, late by less than half of what they live.
 */
import { reasonOfCode, SCOPE_CODES, scopeOfCode } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import type { Database } from "../../storage/database.ts";
import type { Storage } from "../../storage/storage.ts";
import type { StandingRefusalsTable } from "../../storage/tables/revocations.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";

/** Records of one step: other writers get their turn between two. */
const RENEWED_PER_STEP = 500;

/** Gives the number of records that were appended. Called at the start, before anybody is answered, and now and then. */
export async function renewStandingRefusals(storage: Storage): Promise<number> {
  let renewed = 0;
  for (;;) {
    if ((await dueOf(storage).executeTakeFirst()) === undefined) return renewed;
    const count = await storage.write((transaction) => renewStep(storage, transaction));
    renewed += count;
    if (count < RENEWED_PER_STEP) return renewed;
  }
}

/** Half of the time that a record has: a server that was away for the other half comes in time. */
function dueOf({ log, read }: Storage, db: Kysely<Database> = read) {
  const soon = log.retention.latest() + Math.ceil((log.tokenLifetimeSeconds + log.clockSkewSeconds) / 2);
  return db
    .selectFrom("standing_refusals")
    .selectAll()
    .where("expires_at", "<", soon)
    .orderBy("scope")
    .orderBy("key")
    .limit(RENEWED_PER_STEP);
}

/** Several servers may come at once: the second finds the rows as the first has left them. */
async function renewStep(storage: Storage, { db, lockRows, append }: WriteTransaction): Promise<number> {
  const due = await lockRows(dueOf(storage, db)).execute();
  if (due.length > 0) append(due.map(draftOf));
  return due.length;
}

function draftOf({ scope, key_text, reason, since }: StandingRefusalsTable) {
  return {
    scope: scopeOfCode(scope)!,
    mode: "kill" as const,
    reason: reasonOfCode(reason),
    key: key_text!,
    actor: "portcullis",
    note: `Stands since ${new Date(since * 1000).toISOString()}.`,
  };
}

export async function isRefusedForGood(
  read: Kysely<Database>,
  { scope, key }: { readonly scope: "key" | "dpop-key"; readonly key: Uint8Array },
): Promise<boolean> {
  const row = await read
    .selectFrom("standing_refusals")
    .select("scope")
    .where("scope", "=", SCOPE_CODES[scope])
    .where("key", "=", key)
    .executeTakeFirst();
  return row !== undefined;
}
