/** The first factor. */
import type { Clock } from "@portcullis/protocol";
import { isNewestKind, verifyPassword } from "../people/password-hash.ts";
import type { Users } from "../people/users.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { Attempt, Step } from "./attempt.ts";
import type { GuessLimit } from "./guess-limit.ts";
import { type PasswordTurns, placeOf } from "./password-turns.ts";

export interface PasswordFactorOptions {
  readonly guesses: GuessLimit;
  readonly inTurn: PasswordTurns;
  readonly users: Pick<Users, "hashOf">;
  readonly clock: Clock;
}

/** Throws `sign_in_busy`, and then nothing was counted: not against the user, and not against the address. */
export function passwordFactor({ guesses, inTurn, users, clock }: PasswordFactorOptions): Step {
  /** Counted when its turn has come, so that whoever is sent away as busy, or leaves, has not guessed. */
  async function check({ identity }: Attempt, password: string): Promise<boolean | number> {
    const taken = await guesses.take(identity!);
    if (typeof taken === "number") return taken;
    // Looked at in either case: the time to the answer is the same.
    const isRight = await verifyPassword(password, identity!.owner.password_hash);
    return taken === undefined && isRight;
  }

  return async (attempt) => {
    // It was passed before, in the form that led to this one.
    if (attempt.passed.length > 0) return undefined;
    const { password = "" } = attempt.given;
    const place = placeOf(attempt);
    const result = await inTurn(place, () => check(attempt, password));
    if (typeof result === "number") return { outcome: "wait", waitMs: result };
    if (!result) return { outcome: "refused" };
    attempt.passed.push("pwd");
    attempt.passedAt = wholeSeconds(clock);
    // Now that it is known, in a turn of its own: a hash that came from elsewhere is replaced by one of ours.
    if (!isNewestKind(attempt.identity!.owner.password_hash, password))
      attempt.renewedHash = await inTurn(place, () => users.hashOf(password));
    return undefined;
  };
}
