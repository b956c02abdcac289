/**
 * A required action: whoever has as many sessions as there may be chooses which of them end, where the policy asks. Nothing ends here: the
 * choice goes with the sign-in to where the session is opened, and ends them in that transaction.
 *
 * The ticket between the two forms is for the very sessions that were shown. One of them ends with its use, so that it is of one use;
 * and a choice that others were in the way of is no choice any more: then the sign-in begins anew.
 */
import { createHash } from "node:crypto";
import type { Attempt, OpenedBy, ShownIn, SignInAnswer, Step } from "./attempt.ts";
import type { Tickets } from "./tickets.ts";

/** More fit neither a page nor a form. Whoever has more, since the limit was lowered, is refused. */
export const MAX_CHOOSABLE = 100;

/** A session that may end to make room. */
export interface Choosable {
  readonly uid: string;
  /** Of its device. */
  readonly name: string;
  readonly address: string | null;
  /** Seconds. */
  readonly lastSeenAt: number;
}

/** What one session more would meet, as things are now. */
export interface Room {
  /** How many must end before; 0 if there is room. */
  readonly excess: number;
  /** Whether the user may choose which. */
  readonly isAsked: boolean;
  /** Those that count. */
  readonly sessions: readonly Choosable[];
}

export type RoomFor = (userId: string, opens: OpenedBy) => Promise<Room>;

export interface ChooseSessionOptions {
  readonly tickets: Tickets;
  readonly roomFor: RoomFor;
}

/** A changed password ends all other sessions: then there is room, and the new password must not be thrown away for want of it. */
export const chooseSession =
  ({ tickets, roomFor }: ChooseSessionOptions): Step =>
  async (attempt) => {
    const { given, identity, resumed, newPassword } = attempt;
    const isChoice = resumed?.action === "choose_session";
    if (given.opens === undefined || newPassword !== undefined)
      return isChoice ? { outcome: "too_late" } : undefined;
    const room = await roomFor(identity!.owner.id, given.opens);
    if (isChoice) return choice(attempt, room, tickets);
    if (room.excess === 0) return undefined;
    return isChoosable(room) ? asking(attempt, room, tickets) : { outcome: "full" };
  };

const isChoosable = ({ isAsked, sessions }: Room): boolean => isAsked && sessions.length <= MAX_CHOOSABLE;

function choice(attempt: Attempt, room: Room, tickets: Tickets): SignInAnswer | undefined {
  if (attempt.resumed?.about !== digestOf(room)) return { outcome: "sessions_changed" };
  const { ends = [] } = attempt.given;
  const chosen = room.sessions.map(({ uid }) => uid).filter((uid) => ends.includes(uid));
  if (chosen.length < room.excess)
    return { ...asking(attempt, room, tickets), problem: chosen.length === 0 ? "none" : "too_few" };
  attempt.ends = chosen;
  return undefined;
}

function asking({ given, identity, passed, passedAt }: Attempt, room: Room, tickets: Tickets) {
  const about = digestOf(room);
  const ticketFor = { action: "choose_session", about, passed, passedAt: passedAt! } as const;
  const ticket = tickets.make(identity!.user!, ticketFor, given.place);
  return { outcome: "choose_session", ticket } as const;
}

const digestOf = ({ isAsked, sessions }: Room): string =>
  createHash("sha256")
    .update(JSON.stringify([isAsked, sessions.map(({ uid }) => uid).toSorted()]))
    .digest("base64url");

/** What the page shows to whoever holds the ticket. Undefined when that is for no choice, or for another by now. */
export type ChoicesFor = (ticket: string, shown: ShownIn & { opens: OpenedBy }) => Promise<Room | undefined>;

export const choicesFor =
  ({ tickets, roomFor }: ChooseSessionOptions): ChoicesFor =>
  async (ticket, { place, opens }) => {
    const found = await tickets.read(ticket, place);
    if (found?.action !== "choose_session") return undefined;
    const room = await roomFor(found.user.id, opens);
    return found.about === digestOf(room) ? room : undefined;
  };
