import type { Storage } from "../storage/storage.ts";

/** Rows of one step: other writers get their turn between two. */
const ROWS_A_STEP = 1000;

/**
 * Deletes expired rows from the old end of the log, up to the first that is live, so that what is kept has no
 * gaps: a cursor is either older than all of it, or finds everything after it. Gives the number of rows.
 */
export async function pruneExpired(options: {
  readonly storage: Storage;
  readonly nowSeconds: () => number;
  readonly rowsAStep?: number;
}): Promise<number> {
  const rowsAStep = options.rowsAStep ?? ROWS_A_STEP;
  let pruned = 0;
  for (;;) {
    const count = await pruneStep(options.storage, options.nowSeconds(), rowsAStep);
    pruned += count;
    if (count < rowsAStep) return pruned;
  }
}

async function pruneStep(storage: Storage, nowSeconds: number, rowsAStep: number): Promise<number> {
  const rows = await storage.read
    .selectFrom("revocations")
    .select(["seq", "expires_at"])
    .orderBy("seq")
    .limit(rowsAStep)
    .execute();
  const live = rows.findIndex((row) => row.expires_at >= Math.floor(nowSeconds));
  const expired = live === -1 ? rows : rows.slice(0, live);
  const last = expired.at(-1)?.seq;
  if (last === undefined) return 0;
  await storage.write(({ db }) => db.deleteFrom("revocations").where("seq", "<=", last).execute());
  storage.log.forgetBefore(last + 1);
  return expired.length;
}
