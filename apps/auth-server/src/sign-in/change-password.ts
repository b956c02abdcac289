/**
 * A required action: whoever must change the password chooses a new one, after the factor and before anything is remembered or
 * opened. Between the two forms a ticket stands for the factor that was passed. It needs no storage: it is signed, ends after ten
 * minutes, and is worth nothing once the password is another, so it is of one use.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Clock } from "@portcullis/protocol";
import { LONGEST_PASSWORD, SHORTEST_PASSWORD, verifyPassword } from "../people/password-hash.ts";
import type { User, Users } from "../people/users.ts";
import type { Attempt, Method, PasswordProblem, Step } from "./attempt.ts";
import { type PasswordTurns, placeOf } from "./password-turns.ts";

const TICKET_LIFE_MS = 10 * 60_000;

export interface Tickets {
  make(user: User, passed: readonly Method[]): string;
  /** Gives the user, and what was passed. Undefined for what is none, or none any more. */
  read(ticket: string): Promise<{ readonly user: User; readonly passed: readonly Method[] } | undefined>;
}

interface Content {
  readonly sub: string;
  readonly passed: readonly Method[];
  /** Wall time, milliseconds. */
  readonly until: number;
}

export function createTickets(options: {
  readonly key: string;
  readonly users: Pick<Users, "findActive">;
  readonly clock: Pick<Clock, "wallMs">;
}): Tickets {
  const { key, users, clock } = options;
  const proofOf = (text: string, { password_hash }: User) =>
    createHmac("sha256", key)
      .update(JSON.stringify(["password ticket", text, password_hash]))
      .digest();
  return {
    make(user, passed) {
      const content: Content = { sub: user.id, passed, until: clock.wallMs() + TICKET_LIFE_MS };
      const text = Buffer.from(JSON.stringify(content)).toString("base64url");
      return `${text}.${proofOf(text, user).toString("base64url")}`;
    },
    async read(ticket) {
      const [text = "", proof = ""] = ticket.split(".");
      const content = contentIn(text);
      const user = content && (await users.findActive(content.sub));
      if (content === undefined || user === undefined) return undefined;
      if (!isSame(Buffer.from(proof, "base64url"), proofOf(text, user))) return undefined;
      // Only now is it ours, and what it says true.
      const leftMs = content.until - clock.wallMs();
      return leftMs > 0 && leftMs <= TICKET_LIFE_MS ? { user, passed: content.passed } : undefined;
    },
  };
}

const isSame = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && timingSafeEqual(one, other);

/** As much as is needed to find the user by. Anybody can write one. */
function contentIn(text: string): Content | undefined {
  try {
    const content = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
    return typeof content?.sub === "string" ? content : undefined;
  } catch {
    return undefined;
  }
}

export interface ChangePasswordOptions {
  readonly tickets: Tickets;
  readonly inTurn: PasswordTurns;
  readonly users: Pick<Users, "hashOf">;
}

/** Who must not change it goes on. Throws `sign_in_busy`. */
export const changePassword =
  ({ tickets, inTurn, users }: ChangePasswordOptions): Step =>
  async (attempt) => {
    const { user } = attempt.identity!;
    if (user === undefined || user.must_change_password === 0) return undefined;
    const problem = await problemOf(attempt, inTurn);
    const ticket = tickets.make(user, attempt.passed);
    if (attempt.given.ticket === undefined) return { outcome: "change_password", ticket };
    if (problem !== undefined) return { outcome: "change_password", ticket, problem };
    attempt.newPassword = {
      hash: await inTurn(placeOf(attempt), () => users.hashOf(attempt.given.newPassword!)),
    };
    return undefined;
  };

async function problemOf(attempt: Attempt, inTurn: PasswordTurns): Promise<PasswordProblem | undefined> {
  const { newPassword = "", repeatedPassword = "", ticket } = attempt.given;
  if (ticket === undefined) return undefined;
  if (newPassword.length < SHORTEST_PASSWORD) return "too_short";
  if (newPassword.length > LONGEST_PASSWORD) return "too_long";
  if (newPassword !== repeatedPassword) return "not_repeated";
  const { owner } = attempt.identity!;
  const isOld = await inTurn(placeOf(attempt), () => verifyPassword(newPassword, owner.password_hash));
  return isOld ? "not_new" : undefined;
}
