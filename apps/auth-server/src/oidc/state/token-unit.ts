/**
 * Everything that one token request writes is stored in one transaction at its end: a code or refresh token is
 * spent together with what was made from it. A crash or a full disk in between leaves the code unspent, and of
 * two requests with one code the second finds it spent and has stored nothing.
 *
 * What ends something (a replay, a reuse) is not part of the unit: it is stored at once, and holds though the
 * request fails.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Storage } from "../../storage/storage.ts";
import type { WriteOptions, WriteTransaction } from "../../storage/write-transaction.ts";

type Step = (transaction: WriteTransaction) => Promise<void>;

const current = new AsyncLocalStorage<Step[]>();

/** Now, or with the token request that this belongs to. */
export async function writeInUnit(storage: Storage, step: Step, options?: WriteOptions): Promise<void> {
  const steps = current.getStore();
  if (steps === undefined) await storage.write(step, options);
  else steps.push(step);
}

/**
 * Runs a token request and stores what it wrote, and `last` with it. When that fails, for example because the
 * code was spent meanwhile, it rejects, and nothing that was computed may leave the server.
 */
export async function inTokenUnit(storage: Storage, work: () => Promise<void>, last?: Step): Promise<void> {
  const steps: Step[] = [];
  await current.run(steps, work);
  // Client credentials leave nothing behind: a commit to disk for nothing would be most of their cost.
  if (steps.length === 0 && last === undefined) return;
  await storage.write(
    async (transaction) => {
      for (const step of steps) await step(transaction);
      await last?.(transaction);
    },
    { onBehalfOf: "client" },
  );
}
