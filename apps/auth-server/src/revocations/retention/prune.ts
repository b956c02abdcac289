import type { PruneTime } from "../../storage/pruning.ts";
import type { Storage } from "../../storage/storage.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";

/** Rows of one step: other writers get their turn between two. */
const ROWS_PER_STEP = 1000;

/**
 * Deletes expired rows from the old end of the log, up to the first that is live, so that what is kept has no
 * gaps: a cursor is either older than all of it, or finds everything after it. Gives the number of rows.
 */
export async function pruneExpired(options: {
  readonly storage: Storage;
  readonly time: PruneTime;
  readonly rowsAStep?: number;
}): Promise<number> {
  const { storage, time, rowsAStep = ROWS_PER_STEP } = options;
  let pruned = 0;
  for (;;) {
    const count = await pruneStep(storage, time, rowsAStep);
    pruned += count;
    if (count < rowsAStep) return pruned;
  }
}

async function pruneStep(storage: Storage, time: PruneTime, rowsAStep: number): Promise<number> {
  const rows = await storage.read
    .selectFrom("revocations")
    .select(["seq", "expires_at", "chain"])
    .orderBy("seq")
    .limit(rowsAStep)
    .execute();
  const live = rows.findIndex((row) => row.expires_at >= time.seconds);
  const expired = live === -1 ? rows : rows.slice(0, live);
  const last = expired.at(-1);
  if (last === undefined) return 0;
  const kept = storage.log.head() - storage.log.oldestKept() + 1;
  if (!time.admits({ removing: expired.length, kept })) return 0;
  await storage.write((transaction) => forget(transaction, last));
  storage.log.forgetBefore(last.seq + 1);
  return expired.length;
}

/** Several servers may prune at once: the second finds nothing left to delete, and the anchor where it belongs. */
async function forget(
  { db, atGroupEnd }: WriteTransaction,
  { seq, chain }: { readonly seq: number; readonly chain: Uint8Array },
): Promise<void> {
  await db.deleteFrom("revocations").where("seq", "<=", seq).execute();
  atGroupEnd(async (counter) => {
    await counter
      .updateTable("revocation_state")
      .set({ anchor_seq: seq, anchor_chain: chain })
      .where("anchor_seq", "<", seq)
      .execute();
  });
}
