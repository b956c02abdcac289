/**
 * Back-off against guessing, in SQL, so that a restart forgives nobody. Counted before the password is looked
 * at: guesses sent in parallel are all counted. A success takes the account-and-address count away, and of the
 * account's only itself: those who guess from elsewhere gain nothing by the user's own signing in.
 *
 * A block ends by itself and never grows beyond its longest, and attempts during a block neither count nor
 * lengthen it: nobody can keep a user out for good, only slow guessing down to a crawl.
 */
import { createHash } from "node:crypto";
import { countDeleted } from "../storage/count-deleted.ts";
import type { Storage } from "../storage/storage.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";

interface Limit {
  readonly name: string;
  readonly freeFailures: number;
  readonly longestBlockMs: number;
}

const PER_ACCOUNT_AND_ADDRESS: Limit = { name: "address", freeFailures: 5, longestBlockMs: 60_000 };
/** Many addresses guessing at one account. Short, since the user behind it has to wait too. */
const PER_ACCOUNT: Limit = { name: "account", freeFailures: 50, longestBlockMs: 5_000 };

/** Failures older than this are forgotten. */
const MEMORY_MS = 24 * 60 * 60 * 1000;

export interface GuessLimit {
  /** Takes one attempt. Undefined when it may go on, otherwise the milliseconds to wait. */
  take(attempt: Attempt): Promise<number | undefined>;
  succeeded(attempt: Attempt): Promise<void>;
  /** Gives the number of rows that it forgot. */
  prune(transaction: WriteTransaction, limit: number): Promise<number>;
}

export interface Attempt {
  readonly usernameKey: string;
  readonly address: string;
}

export function createGuessLimit(storage: Pick<Storage, "write">, nowMs: () => number): GuessLimit {
  return {
    take: (attempt) =>
      storage.write(async (transaction) => {
        const now = nowMs();
        let wait = 0;
        // The account first: while it is blocked, new addresses leave no rows behind.
        for (const counter of countersOf(attempt).toReversed()) {
          if (wait === 0) await ensureRow(transaction, counter, now);
          wait = Math.max(wait, await waitOf(transaction, counter, now));
        }
        if (wait > 0) return wait;
        for (const counter of countersOf(attempt)) await count(transaction, counter, now);
        return undefined;
      }),
    succeeded: (attempt) =>
      storage.write(async ({ db }) => {
        const [here, account] = countersOf(attempt);
        await db
          .updateTable("sign_in_attempts")
          .set(({ eb }) => ({ failures: eb("failures", "-", 1), blocked_until: 0 }))
          .where("key_hash", "=", account.key)
          .execute();
        await db.deleteFrom("sign_in_attempts").where("key_hash", "=", here.key).execute();
      }),
    async prune({ db }, limit) {
      const old = db
        .selectFrom("sign_in_attempts")
        .select("key_hash")
        .where("updated_at", "<", nowMs() - MEMORY_MS)
        .limit(limit);
      return countDeleted(db.deleteFrom("sign_in_attempts").where("key_hash", "in", old));
    },
  };
}

interface Counter extends Limit {
  readonly key: Uint8Array;
}

function countersOf({ usernameKey, address }: Attempt): [here: Counter, account: Counter] {
  return [
    { ...PER_ACCOUNT_AND_ADDRESS, key: hash(["address", usernameKey, address]) },
    { ...PER_ACCOUNT, key: hash(["account", usernameKey]) },
  ];
}

const hash = (parts: readonly string[]): Uint8Array =>
  createHash("sha256").update(JSON.stringify(parts)).digest();

/** A row that is missing cannot be locked, and guesses at several servers would all pass. */
async function ensureRow({ db }: WriteTransaction, counter: Counter, now: number): Promise<void> {
  await db
    .insertInto("sign_in_attempts")
    .values({ key_hash: counter.key, failures: 0, blocked_until: 0, updated_at: now })
    .onConflict((conflict) => conflict.column("key_hash").doNothing())
    .execute();
}

async function waitOf({ db, lockRows }: WriteTransaction, counter: Counter, now: number): Promise<number> {
  const attempts = db
    .selectFrom("sign_in_attempts")
    .select("blocked_until")
    .where("key_hash", "=", counter.key);
  const row = await lockRows(attempts).executeTakeFirst();
  // A clock set back must not turn a block of seconds into one of years.
  return Math.min((row?.blocked_until ?? 0) - now, counter.longestBlockMs);
}

async function count({ db }: WriteTransaction, counter: Counter, now: number): Promise<void> {
  const row = await db
    .updateTable("sign_in_attempts")
    .set(({ eb }) => ({ failures: eb("failures", "+", 1), updated_at: now }))
    .where("key_hash", "=", counter.key)
    .returning("failures")
    .executeTakeFirstOrThrow();
  const blockedUntil = now + blockMs(row.failures, counter);
  if (blockedUntil === now) return;
  await db
    .updateTable("sign_in_attempts")
    .set({ blocked_until: blockedUntil })
    .where("key_hash", "=", counter.key)
    .execute();
}

/** 1 s, 2 s, 4 s and so on from the first failure that is not free. */
function blockMs(failures: number, limit: Limit): number {
  const beyond = failures - limit.freeFailures;
  return beyond <= 0 ? 0 : Math.min(1000 * 2 ** Math.min(beyond - 1, 20), limit.longestBlockMs);
}
