/**
 * A required action: whoever must change the password chooses a new one, after the factor and before anything is remembered or
 * opened. The ticket between the two forms is worth nothing once the password is another, so it is of one use.
 */
import { verifyPassword } from "../people/password-hash.ts";
import { unfitnessOf } from "../people/password-rule.ts";
import type { Users } from "../people/users.ts";
import type { Attempt, PasswordProblem, Step } from "./attempt.ts";
import { type PasswordTurns, placeOf } from "./password-turns.ts";
import type { Tickets } from "./tickets.ts";

export interface ChangePasswordOptions {
  readonly tickets: Tickets;
  readonly inTurn: PasswordTurns;
  readonly users: Pick<Users, "hashOf">;
}

/** Who must not change it goes on. Throws `sign_in_busy`. */
export const changePassword =
  ({ tickets, inTurn, users }: ChangePasswordOptions): Step =>
  async (attempt) => {
    const { given, passed, passedAt } = attempt;
    const { user } = attempt.identity!;
    if (user === undefined || user.must_change_password === 0) return undefined;
    const problem = await problemOf(attempt, inTurn);
    const ticketFor = { action: "change_password", passed, passedAt: passedAt! } as const;
    const ticket = tickets.make(user, ticketFor, given.place);
    if (attempt.resumed?.action !== "change_password") return { outcome: "change_password", ticket };
    if (problem !== undefined) return { outcome: "change_password", ticket, problem };
    attempt.newPassword = {
      hash: await inTurn(placeOf(attempt), () => users.hashOf(attempt.given.newPassword!)),
    };
    return undefined;
  };

async function problemOf(attempt: Attempt, inTurn: PasswordTurns): Promise<PasswordProblem | undefined> {
  if (attempt.resumed?.action !== "change_password") return undefined;
  const { newPassword = "", repeatedPassword = "" } = attempt.given;
  const unfit = unfitnessOf(newPassword);
  if (unfit !== undefined) return unfit;
  if (newPassword !== repeatedPassword) return "not_repeated";
  const { owner } = attempt.identity!;
  const isOld = await inTurn(placeOf(attempt), () => verifyPassword(newPassword, owner.password_hash));
  return isOld ? "not_new" : undefined;
}
