/** Hashing takes most of a core: it is done in turns, and known people go first. */
import { availableParallelism } from "node:os";
import type { Attempt } from "./attempt.ts";
import { signInError } from "./errors.ts";
import { fairQueue, type Place } from "./fair-queue.ts";

export interface PasswordTurnsOptions {
  /** Password checks at once, and those that may wait, in all and of one group. */
  readonly running?: number | undefined;
  readonly waiting?: number | undefined;
  readonly waitingPerGroup?: number | undefined;
}

/** Runs what hashes, in turn. Throws `sign_in_busy`. */
export type PasswordTurns = <T>(place: Place, work: () => Promise<T>) => Promise<T>;

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

/** A device that is known is a group of its own, and so is an address as far as it is known to the user who is named. */
export function placeOf({ identity, given: { signal } }: Pick<Attempt, "identity" | "given">): Place {
  const { address, standing } = identity!;
  const group = standing.kind === "device" ? standing.token : address;
  return { group, standing: standing.kind, signal };
}
