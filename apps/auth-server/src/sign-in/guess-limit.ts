/**
 * Back-off against guessing, in SQL, so that a restart forgives nobody. Who has to wait depends on where an attempt comes
 * from (known-places.ts), so that strangers slow down each other and not the user:
 *
 * - a device that signed in before is counted by itself, whatever else is guessed;
 * - an address is counted for each account, and for how many accounts fail from it;
 * - strangers at strange addresses are counted together for each account, too. Beyond what is free they take turns: each
 *   address gets one, at a time that is its own. Who asks more often gets no more.
 *
 * Whoever has two names has one count of guesses by all of them, of each device and address. It makes nobody wait, which would tell that both
 * names are one user: beyond it the password is not right, as if nobody had that name.
 *
 * Counted before the password is looked at: guesses sent in parallel are all counted. A success takes back what was
 * counted of it, and nothing of what others guessed. Every block ends by itself and is bounded, and attempts during it
 * neither count nor lengthen it: nobody can keep a user out for good, only slow guessing down to a crawl.
 */

import { createHash } from "node:crypto";
import type { Clock } from "@portcullis/protocol";
import type { Standing } from "../people/known-places.ts";
import { countDeleted } from "../storage/count-deleted.ts";
import type { PruneTime } from "../storage/pruning.ts";
import type { Storage } from "../storage/storage.ts";
import type { SignInAttemptsTable } from "../storage/tables/people.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";

/** Of one device, or of one address at one account: 1 s, 2 s, 4 s and so on from the first failure that is not free. */
const OWN = { freeFailures: 5, longestBlockMs: 60_000 };
/** Of strangers at one account: then one at a time. */
const STRANGERS = {
  freeFailures: 50,
  manyFailures: 500,
  turnMs: 2_000,
  slowTurnMs: 5_000,
  longestQueueMs: 60_000,
};
/** How long a turn is kept for whoever comes late. */
const TURN_LIFE_MS = 60_000;
/** Accounts that fail from one address: an office mistypes, and then succeeds, which is forgiven. */
const ACCOUNTS_PER_ADDRESS = { freeAccounts: 30, forgivenEachMs: 60_000 };

/** Failures older than this are forgotten. */
const MEMORY_MS = 24 * 60 * 60 * 1000;

export interface GuessLimit {
  /** Milliseconds to wait, or 0: without counting, for what needs no look at the password. */
  look(attempt: Attempt): Promise<number>;
  /** Takes one attempt. Undefined when it may go on, otherwise the milliseconds to wait, or that it is to be answered as a wrong password is. */
  take(attempt: Attempt): Promise<number | "not_right" | undefined>;
  /** Takes back what was counted of it. */
  succeeded(transaction: WriteTransaction, attempt: Attempt): Promise<void>;
  /** Forgets what was counted of the user, under these names (as `usernameKey` spells them). Gives the number of rows. */
  forget(transaction: WriteTransaction, user: Forgotten): Promise<number>;
  /** Gives the number of rows that it forgot. */
  prune(transaction: WriteTransaction, limit: number, time: PruneTime): Promise<number>;
}

export interface Forgotten {
  readonly id: string;
  readonly usernameKeys: readonly string[];
}

export interface Attempt {
  readonly usernameKey: string;
  /** `sub` of the user, if another name leads to the same one. */
  readonly alsoNamed?: string | undefined;
  /** Group of addresses. */
  readonly address: string;
  readonly standing: Standing;
}

export interface GuessLimitOptions {
  readonly storage: Pick<Storage, "read" | "write">;
  readonly clock: Clock;
  /** How far the clocks of two servers may be apart. */
  readonly clockSkewMs: number;
}

export function createGuessLimit({ storage, clock, clockSkewMs }: GuessLimitOptions): GuessLimit {
  return {
    async look(attempt) {
      const counter = new Counters({ db: storage.read, now: clock.wallMs(), clockSkewMs });
      return ownWait(counter, await counter.find(keysOf(attempt).own));
    },
    take: (attempt) =>
      storage.write((transaction) => {
        const { db, lockRows } = transaction;
        return take(new Counters({ db, lockRows, now: clock.wallMs(), clockSkewMs }), attempt);
      }),
    succeeded: ({ db, lockRows }, attempt) =>
      succeeded(new Counters({ db, lockRows, now: clock.wallMs(), clockSkewMs }), attempt),
    forget: ({ db }, { id, usernameKeys }) =>
      countDeleted(
        db
          .deleteFrom("sign_in_attempts")
          .where("account_hash", "in", [...usernameKeys.map(accountHash), allNamesHash(id)])
          .where((eb) => eb.or([eb("failures", ">", 0), eb("blocked_until", ">", 0)])),
      ),
    async prune({ db }, limit, time) {
      const old = db
        .selectFrom("sign_in_attempts")
        .select("key_hash")
        .where("updated_at", "<", time.overForAllMs - MEMORY_MS)
        .limit(limit);
      return countDeleted(db.deleteFrom("sign_in_attempts").where("key_hash", "in", old));
    },
  };
}

/** Rows are always locked in the order: accounts of the address, own, strangers of the account, turn, all names. */
async function take(counters: Counters, attempt: Attempt): Promise<number | "not_right" | undefined> {
  const keys = keysOf(attempt);
  const wait = await takeUnderName(counters, attempt, keys);
  if (wait !== undefined || keys.allNames === undefined) return wait;
  const waitForAll = await takeOwn(counters, await counters.lock(keys.allNames));
  return waitForAll === undefined ? undefined : "not_right";
}

/** Only by the name that was typed in: a name of nobody is answered alike. */
async function takeUnderName(counters: Counters, attempt: Attempt, keys: Keys): Promise<number | undefined> {
  if (attempt.standing.kind === "device") return takeOwn(counters, await counters.lock(keys.own));
  const ofAddress = await counters.lock(keys.accountsOfAddress);
  const own = await counters.find(keys.own);
  const wait = ownWait(counters, own);
  if (wait > 0) return wait;
  const failing = leaked(counters, ofAddress);
  if (own === undefined && failing.failures >= ACCOUNTS_PER_ADDRESS.freeAccounts)
    return waitForForgiving(counters, failing);
  if (attempt.standing.kind === "stranger") {
    const waitForTurn = await takeTurn(counters, keys);
    if (waitForTurn > 0) return waitForTurn;
  }
  if (own === undefined) await counters.save({ ...failing, failures: failing.failures + 1 });
  return takeOwn(counters, own ?? counters.emptyRow(keys.own));
}

/** Undefined, or the milliseconds to wait. */
async function takeOwn(counters: Counters, row: Row): Promise<number | undefined> {
  const wait = ownWait(counters, row);
  if (wait > 0) return wait;
  const failures = row.failures + 1;
  await counters.save({
    ...row,
    failures,
    blocked_until: counters.now + blockMs(failures),
    updated_at: counters.now,
  });
  return undefined;
}

/** A row that promises more than its block can be long is of a clock that was set back: it is blocked no more. */
function ownWait({ now, clockSkewMs }: Counters, row: Row | undefined): number {
  const length = blockMs(row?.failures ?? 0);
  const wait = (row?.blocked_until ?? 0) - now;
  return wait > length + clockSkewMs ? 0 : Math.max(0, Math.min(wait, length));
}

function blockMs(failures: number): number {
  const beyond = failures - OWN.freeFailures;
  return beyond <= 0 ? 0 : Math.min(1000 * 2 ** Math.min(beyond - 1, 20), OWN.longestBlockMs);
}

/** One failing account is forgiven each minute. */
function leaked({ now, clockSkewMs }: Counters, row: Row): Row {
  const { forgivenEachMs } = ACCOUNTS_PER_ADDRESS;
  // A clock that was set back would otherwise forgive nothing until it is where it was.
  const since = row.updated_at > now + clockSkewMs ? now : row.updated_at;
  const forgiven = Math.max(0, Math.floor((now - since) / forgivenEachMs));
  const failures = Math.max(0, row.failures - forgiven);
  return { ...row, failures, updated_at: failures === 0 ? now : since + forgiven * forgivenEachMs };
}

/** Stored, since a clock that was set back begins to forgive from now on. */
async function waitForForgiving(counters: Counters, failing: Row): Promise<number> {
  const { forgivenEachMs } = ACCOUNTS_PER_ADDRESS;
  await counters.save(failing);
  return Math.min(Math.max(1, forgivenEachMs - (counters.now - failing.updated_at)), forgivenEachMs);
}

/** Milliseconds until the turn that this address has now, or 0 when it is here. */
async function takeTurn(counters: Counters, keys: Keys): Promise<number> {
  const { now, clockSkewMs } = counters;
  const account = await counters.lock(keys.strangersOfAccount);
  const counted = { ...account, failures: account.failures + 1, updated_at: now };
  if (account.failures < STRANGERS.freeFailures) {
    await counters.save(counted);
    return 0;
  }
  const turn = await counters.find(keys.turn);
  const untilTurn = (turn?.blocked_until ?? 0) - now;
  if (turn !== undefined && untilTurn <= 0 && untilTurn > -TURN_LIFE_MS) {
    await counters.remove(keys.turn);
    await counters.save(counted);
    return 0;
  }
  if (untilTurn > 0 && untilTurn <= STRANGERS.longestQueueMs + clockSkewMs) return untilTurn;
  const next = nextTurn(counters, account);
  if (next - now >= STRANGERS.longestQueueMs) return STRANGERS.longestQueueMs;
  await counters.save({ ...(next === now ? counted : account), blocked_until: next + turnMs(account) });
  if (next === now) return 0;
  await counters.save({ ...counters.emptyRow(keys.turn), blocked_until: next });
  return next - now;
}

/** `blocked_until` of an account is when the first turn is that nobody has. */
function nextTurn({ now, clockSkewMs }: Counters, { blocked_until }: Row): number {
  const longest = STRANGERS.longestQueueMs + STRANGERS.slowTurnMs + clockSkewMs;
  return blocked_until - now > longest ? now : Math.max(now, blocked_until);
}

const turnMs = ({ failures }: Row): number =>
  failures < STRANGERS.manyFailures ? STRANGERS.turnMs : STRANGERS.slowTurnMs;

async function succeeded(counters: Counters, { standing, ...attempt }: Attempt): Promise<void> {
  const keys = keysOf({ standing, ...attempt });
  if (standing.kind !== "device") await forgiveAddress(counters, keys, standing);
  await counters.remove(keys.own);
  if (standing.kind === "stranger") {
    const account = await counters.lock(keys.strangersOfAccount);
    await counters.save({ ...account, failures: Math.max(0, account.failures - 1) });
  }
  if (keys.allNames !== undefined) await counters.remove(keys.allNames);
}

/**
 * The account counts once at the address for as long as it has a row of its own there. Without one, another success has taken that
 * back already: whoever signs in many times at once, or sends a form again, would otherwise pay for a sprayer's guesses.
 */
async function forgiveAddress(counters: Counters, keys: Keys, { kind }: Standing): Promise<void> {
  const ofAddress = leaked(counters, await counters.lock(keys.accountsOfAddress));
  if ((await counters.find(keys.own)) === undefined) return;
  // One more for a user who is new here: an office in which all come in the morning must not be held for a sprayer.
  const forgiven = kind === "stranger" ? 2 : 1;
  await counters.save({ ...ofAddress, failures: Math.max(0, ofAddress.failures - forgiven) });
}

type Key = Pick<Row, "key_hash" | "account_hash">;

interface Keys {
  /** Of the device, or of the address at this account. */
  readonly own: Key;
  readonly accountsOfAddress: Key;
  readonly strangersOfAccount: Key;
  readonly turn: Key;
  /** As `own`, by whatever name. */
  readonly allNames: Key | undefined;
}

function keysOf({ usernameKey, alsoNamed, address, standing }: Attempt): Keys {
  const ofAccount = (...parts: string[]): Key => ({
    key_hash: hash(parts),
    account_hash: accountHash(usernameKey),
  });
  const from = standing.kind === "device" ? ["device", standing.token] : ["address", address];
  return {
    own:
      standing.kind === "device"
        ? ofAccount("device", usernameKey, standing.token)
        : ofAccount("address", usernameKey, address),
    allNames:
      alsoNamed === undefined
        ? undefined
        : { key_hash: hash(["all names", alsoNamed, ...from]), account_hash: allNamesHash(alsoNamed) },
    accountsOfAddress: { key_hash: hash(["accounts of address", address]), account_hash: null },
    strangersOfAccount: ofAccount("account", usernameKey),
    turn: ofAccount("turn", usernameKey, address),
  };
}

const accountHash = (usernameKey: string): Uint8Array => hash(["all of account", usernameKey]);

const allNamesHash = (userId: string): Uint8Array => hash(["all names of account", userId]);

const hash = (parts: readonly string[]): Uint8Array =>
  createHash("sha256").update(JSON.stringify(parts)).digest();

type Row = SignInAttemptsTable;

interface CountersOptions extends Pick<WriteTransaction, "db"> {
  /** Absent where rows are only looked at. */
  readonly lockRows?: WriteTransaction["lockRows"];
  readonly now: number;
  readonly clockSkewMs: number;
}

/** The rows, at one moment. */
class Counters {
  readonly #options: CountersOptions;
  readonly now: number;
  readonly clockSkewMs: number;

  constructor(options: CountersOptions) {
    this.#options = options;
    this.now = options.now;
    this.clockSkewMs = options.clockSkewMs;
  }

  async find({ key_hash }: Key): Promise<Row | undefined> {
    const { db, lockRows } = this.#options;
    const query = db.selectFrom("sign_in_attempts").selectAll().where("key_hash", "=", key_hash);
    return (lockRows === undefined ? query : lockRows(query)).executeTakeFirst();
  }

  /** A row that is missing cannot be locked, and guesses at several servers would all pass. */
  async lock(key: Key): Promise<Row> {
    await this.#options.db
      .insertInto("sign_in_attempts")
      .values(this.emptyRow(key))
      .onConflict((conflict) => conflict.column("key_hash").doNothing())
      .execute();
    return (await this.find(key)) ?? this.emptyRow(key);
  }

  emptyRow({ key_hash, account_hash }: Key): Row {
    return { key_hash, account_hash, failures: 0, blocked_until: 0, updated_at: this.now };
  }

  /** `updated_at` never goes back behind what is kept: rows are forgotten by it. */
  async save({ key_hash, ...values }: Row): Promise<void> {
    await this.#options.db
      .insertInto("sign_in_attempts")
      .values({ key_hash, ...values })
      .onConflict((conflict) => conflict.column("key_hash").doUpdateSet(values))
      .execute();
  }

  async remove({ key_hash }: Key): Promise<void> {
    await this.#options.db.deleteFrom("sign_in_attempts").where("key_hash", "=", key_hash).execute();
  }
}
