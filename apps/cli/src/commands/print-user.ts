/** A user as one is shown, and what became of one, with the receipt of what that has ended. */
import type { ChangedUser, Receipt, UserAnswer, UserWithRights } from "@portcullis/protocol";
import type { UsersApi } from "../api/users-api.ts";
import { EXIT } from "../exit-codes.ts";
import { visible } from "../print/table.ts";
import { printJson, type Session } from "../session.ts";
import { banText } from "./bans.ts";
import { printHowItGoesOn, printReceipt } from "./print-receipt.ts";

export function nameOf({
  username,
  email,
  sub,
}: {
  username?: string | undefined;
  email?: string | undefined;
  sub: string;
}) {
  return username ?? email ?? sub;
}

export function show(session: Session, user: UserAnswer, done?: string): number {
  if (session.json) printJson(session, user);
  else session.io.stdout.write(`${done === undefined ? "" : `${done}\n`}${linesOf(user)}`);
  return EXIT.ok;
}

export function showWithRights(session: Session, user: UserWithRights): number {
  const { roles, standingBans, ...rest } = user;
  const shown = {
    ...rest,
    roles: roles.join(", ") || "none",
    "bans that stand": standingBans.map(banText).join("; ") || "none",
  };
  if (session.json) printJson(session, user);
  else session.io.stdout.write(linesOf(shown));
  return EXIT.ok;
}

function linesOf(shown: Readonly<Record<string, unknown>>): string {
  const fields = Object.entries(shown).map(([name, value]) => [name, shownValue(value)] as const);
  const width = Math.max(...fields.map(([name]) => name.length));
  return fields.map(([name, value]) => `${name.padEnd(width)}  ${visible(value)}\n`).join("");
}

const shownValue = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

export function showChanged(session: Session, changed: ChangedUser): number {
  if (session.json) {
    printJson(session, changed);
    return exitCodeOf(changed.receipt);
  }
  const { receipt, ...user } = changed;
  show(session, user, `Changed: ${visible(nameOf(user))}.`);
  return sayReceipt(session, receipt);
}

type Ended = Awaited<ReturnType<UsersApi["delete"]>>;

export function told(session: Session, done: string, state: Ended): number {
  if (!session.json) {
    session.io.stdout.write(`${done}: ${visible(nameOf(state))}.\n`);
    return sayReceipt(session, state.receipt);
  }
  printJson(session, state);
  return exitCodeOf(state.receipt);
}

function sayReceipt(session: Session, receipt: Receipt | undefined): number {
  if (receipt !== undefined) {
    printReceipt(session, receipt, "Revoked");
    printHowItGoesOn(session, receipt);
  }
  return exitCodeOf(receipt);
}

const exitCodeOf = (receipt: Receipt | undefined): number =>
  receipt?.state === "pending" ? EXIT.pending : EXIT.ok;
