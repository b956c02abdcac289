/** The first factor. Hashing takes most of a core: it is done in turns, and known people go first. */
import { availableParallelism } from "node:os";
import { verifyPassword } from "../people/password-hash.ts";
import type { Identity, Step } from "./attempt.ts";
import { signInError } from "./errors.ts";
import { fairQueue, type Place } from "./fair-queue.ts";
import type { GuessLimit } from "./guess-limit.ts";

export interface PasswordTurnsOptions {
  /** Password checks at once, and those that may wait, in all and of one group. */
  readonly running?: number | undefined;
  readonly waiting?: number | undefined;
  readonly waitingPerGroup?: number | undefined;
}

/** Runs what hashes, in turn. Throws `sign_in_busy`. */
export type PasswordTurns = <T>(place: Place, work: () => Promise<T>) => Promise<T>;

export interface PasswordFactorOptions {
  readonly guesses: GuessLimit;
  readonly inTurn: PasswordTurns;
}

/**
 * One core is left for everything else, and so are half of the four threads of Node's pool: tokens are signed there,
 * and would wait behind a flood of passwords.
 */
export const checksAtOnce = (cores: number): number => Math.max(1, Math.min(2, cores - 1));

export const passwordTurns = ({
  running = checksAtOnce(availableParallelism()),
  waiting = 64,
  waitingPerGroup = 32,
}: PasswordTurnsOptions = {}): PasswordTurns =>
  fairQueue({ running, waiting, waitingPerGroup, full: () => signInError("sign_in_busy") });

/** Throws `sign_in_busy`, and then nothing was counted: not against the user, and not against the address. */
export function passwordFactor({ guesses, inTurn }: PasswordFactorOptions): Step {
  /** Counted when its turn has come, so that whoever is sent away as busy, or leaves, has not guessed. */
  async function check(identity: Identity, password: string): Promise<boolean | number> {
    return (await guesses.take(identity)) ?? verifyPassword(password, identity.owner.password_hash);
  }

  return async (attempt) => {
    const identity = attempt.identity!;
    const { password = "", signal } = attempt.given;
    const result = await inTurn({ ...placeOf(identity), signal }, () => check(identity, password));
    if (typeof result === "number") return { outcome: "wait", waitMs: result };
    if (!result) return { outcome: "refused" };
    attempt.passed.push("pwd");
    return undefined;
  };
}

/** A device that is known is a group of its own, and so is an address as far as it is known to the user who is named. */
const placeOf = ({ address, standing }: Identity): Place =>
  standing.kind === "device"
    ? { group: standing.token, standing: standing.kind }
    : { group: address, standing: standing.kind };
