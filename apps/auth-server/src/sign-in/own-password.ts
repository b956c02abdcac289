/**
 * A person who is signed in gives the password once more: to change it, or before what cannot be undone. Whoever found the device unlocked,
 * or stole a token, must not guess it here faster than at a sign-in: each session is counted as a device is (guess-limit.ts), so that it slows
 * down itself, and keeps nobody else out.
 */
import { RetryLaterError } from "@portcullis/http-api";
import type { Clock } from "@portcullis/protocol";
import { addressGroup } from "@portcullis/service";
import type { KnownPlaces, Place, Standing } from "../people/known-places.ts";
import { verifyPassword } from "../people/password-hash.ts";
import { hasPassword, lockActive, namesOf, passwordMarkOf, type User, type Users } from "../people/users.ts";
import type { Storage } from "../storage/storage.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { Appended, WriteTransaction } from "../storage/write-transaction.ts";
import { signInError } from "./errors.ts";
import type { GuessLimit } from "./guess-limit.ts";
import type { PasswordTurns } from "./password-turns.ts";

/** Whose password it is to be, and from where it comes. */
export interface GivenPassword {
  readonly accountId: string;
  /** Of the session in which it is given. */
  readonly sid: string;
  readonly password: string;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: AbortSignal | undefined;
}

export interface NewPassword extends GivenPassword {
  readonly newPassword: string;
  /** The browser that it comes from, which stays a known one. */
  readonly place?: Place | undefined;
}

export interface Changed {
  /** Of what has ended; undefined when there was nothing else to end. */
  readonly appended: Appended | undefined;
  readonly ended: number;
}

export interface OwnPassword {
  /**
   * Throws `wrong_password`, `no_password`, `too_many_guesses`, `sign_in_busy`. Gives what asks in a transaction, with the user's row locked,
   * whether it still is the password of a user who may sign in.
   */
  check(given: GivenPassword): Promise<StillHas>;
  /** Throws those, and `password_not_new`. All other sessions end with `password_changed`. `into`: where a dry run writes. */
  change(wanted: NewPassword, into?: Pick<Storage, "write">): Promise<Changed>;
}

export type StillHas = (transaction: WriteTransaction) => Promise<boolean>;

/** Ends all sessions of the user but one, in the transaction of the changed password. */
export type EndOthers = (
  transaction: WriteTransaction,
  kept: Pick<GivenPassword, "accountId" | "sid">,
) => Promise<Changed>;

export interface OwnPasswordOptions {
  readonly users: Users;
  readonly guesses: GuessLimit;
  readonly inTurn: PasswordTurns;
  readonly knownPlaces: KnownPlaces;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly endOthers: EndOthers;
}

export function createOwnPassword(options: OwnPasswordOptions): OwnPassword {
  return {
    async check(given) {
      const { id, hash } = await checked(options, given);
      return (transaction) => stillHas(transaction, { id, hash, now: wholeSeconds(options.clock) });
    },
    change: (wanted, into = options.storage) => change(options, wanted, into),
  };
}

/** The user whose password it is, and the hash that it was compared with. */
interface Checked {
  readonly id: string;
  readonly hash: string;
}

async function checked(
  { users, guesses, inTurn, storage }: OwnPasswordOptions,
  { accountId, sid, password, signal }: GivenPassword,
): Promise<Checked> {
  const user = await users.findActive(accountId);
  const hash = user?.password_hash;
  if (user === undefined || hash == null) throw signInError("no_password");
  const attempt = attemptOf(user, sid);
  const { token: group } = attempt.standing;
  // Counted when its turn has come: whoever is sent away as busy has not guessed.
  const result = await inTurn({ group, standing: "device", signal }, async () => {
    const taken = await guesses.take(attempt);
    return taken === undefined ? verifyPassword(password, hash) : taken;
  });
  if (typeof result === "number") throw tooManyGuesses(result);
  if (result !== true) throw signInError("wrong_password");
  await storage.write((transaction) => guesses.succeeded(transaction, attempt));
  return { id: user.id, hash };
}

/** Under the names that an administrator's unlocking forgets. */
const attemptOf = (user: User, sid: string) => ({
  usernameKey: namesOf(user)[0] ?? user.id,
  address: "",
  standing: { kind: "device", token: `session ${sid}` } as const satisfies Standing,
});

const tooManyGuesses = (waitMs: number): RetryLaterError =>
  new RetryLaterError(signInError.definitions("too_many_guesses")[0]!, Math.max(1, Math.ceil(waitMs / 1000)));

async function stillHas(
  transaction: WriteTransaction,
  { id, hash, now }: Checked & { readonly now: number },
): Promise<boolean> {
  return (
    (await lockActive(transaction, id, now)) &&
    (await hasPassword(transaction, id, passwordMarkOf({ id, password_hash: hash })))
  );
}

async function change(
  options: OwnPasswordOptions,
  wanted: NewPassword,
  into: Pick<Storage, "write">,
): Promise<Changed> {
  const { users, inTurn, clock, endOthers } = options;
  const { newPassword, sid, signal } = wanted;
  const { id, hash: before } = await checked(options, wanted);
  if (newPassword === wanted.password) throw signInError("password_not_new");
  const hash = await inTurn({ group: `session ${sid}`, standing: "device", signal }, () =>
    users.hashOf(newPassword),
  );
  const device = await knownDevice(options, { id, password_hash: before }, wanted.place);
  return into.write(async (transaction) => {
    const isStillSo = await stillHas(transaction, { id, hash: before, now: wholeSeconds(clock) });
    if (!isStillSo) throw signInError("wrong_password");
    await users.setPassword(transaction, id, { hash, mustChange: false });
    await device?.remember(transaction, hash);
    return endOthers(transaction, { accountId: id, sid });
  });
}

/** A changed password makes strangers of all places: the device on which it was changed need not be one. */
async function knownDevice(
  { knownPlaces }: OwnPasswordOptions,
  owner: Parameters<KnownPlaces["standingOf"]>[0],
  place: Place | undefined,
) {
  if (place === undefined) return undefined;
  const address = addressGroup(place.address);
  const standing = await knownPlaces.standingOf(owner, { ...place, address });
  if (standing.kind !== "device") return undefined;
  return {
    remember: (transaction: WriteTransaction, hash: string) =>
      knownPlaces.remember(
        transaction,
        { id: owner.id, password_hash: hash },
        { deviceToken: standing.token, address },
      ),
  };
}
