/**
 * A ticket stands for the factor that was passed, between the form of the password and that of a required action. It needs no
 * storage: it is signed, ends ten minutes after the factor (a form that is sent again makes it no younger), is for one action in one
 * browser, and is worth nothing once the password is another.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Clock } from "@portcullis/protocol";
import type { User, Users } from "../people/users.ts";
import type { Method, Resumed } from "./attempt.ts";

const TICKET_LIFE_MS = 10 * 60_000;

export type TicketFor = Resumed & {
  readonly passed: readonly Method[];
  /** When the last of them was, in seconds. */
  readonly passedAt: number;
};

/** Where the forms are shown (`Given.place`). */
type Place = string | undefined;

export interface Tickets {
  make(user: User, ticket: TicketFor, place: Place): string;
  /** Gives the user, and what it is for. Undefined for what is none, or none any more, or none of this place. */
  read(ticket: string, place: Place): Promise<(TicketFor & { readonly user: User }) | undefined>;
}

type Content = TicketFor & { readonly sub: string };

export interface TicketsOptions {
  readonly key: string;
  readonly users: Pick<Users, "findActive">;
  readonly clock: Pick<Clock, "wallMs">;
}

export function createTickets({ key, users, clock }: TicketsOptions): Tickets {
  const signed = (text: string, { password_hash }: User, place: Place) => {
    const signature = createHmac("sha256", key)
      .update(JSON.stringify(["sign-in ticket", text, password_hash, place ?? null]))
      .digest("base64url");
    return `${text}.${signature}`;
  };
  return {
    make(user, { action, about, passed, passedAt }, place) {
      const content: Content = { sub: user.id, action, about, passed, passedAt };
      const text = Buffer.from(JSON.stringify(content)).toString("base64url");
      return signed(text, user, place);
    },
    async read(ticket, place) {
      const text = ticket.slice(0, Math.max(0, ticket.indexOf(".")));
      const content = contentIn(text);
      const user = content && (await users.findActive(content.sub));
      if (content === undefined || user === undefined) return undefined;
      // As texts: decoded, many spellings are one signature.
      if (!isSame(Buffer.from(ticket), Buffer.from(signed(text, user, place)))) return undefined;
      // Only now is it ours, and what it says true.
      const { action, about, passed, passedAt } = content;
      // No number for one of before tickets said when the factor was passed: too late.
      const ageMs = clock.wallMs() - passedAt * 1000;
      const isGood = ageMs >= 0 && ageMs < TICKET_LIFE_MS;
      return isGood ? { user, action, about, passed, passedAt } : undefined;
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
