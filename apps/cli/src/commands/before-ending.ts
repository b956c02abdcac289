/** What every command has that ends something: `--dry-run`, and the question before more than one user is hit. */
import type { BlastRadius, DryRun } from "@portcullis/protocol";
import type { Command } from "commander";
import { EXIT } from "../exit-codes.ts";
import { printJson, type Session } from "../session.ts";
import { isMeant } from "./is-meant.ts";

export interface EndingOptions {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/**
 * `asks`: the command reaches further than one user. All of them take `--yes`, so that a script need not know which ask.
 */
export function addEndingOptions(command: Command, { asks }: { readonly asks: boolean }): Command {
  return command
    .option("--dry-run", "change nothing, and say what it would end at most")
    .option("--yes", asks ? "do not ask first" : "do not ask first; of one user it never asks");
}

interface Ending {
  readonly options: EndingOptions;
  /** What it ends, when that is more than one person's. */
  readonly reach: string | undefined;
  readonly wouldEnd: () => Promise<DryRun>;
  /** A change, which takes nothing from anybody if it is one of a name: only the server can tell, and then nobody is asked. */
  readonly mayEndNothing?: boolean;
  /** What is said when the answer is no. */
  readonly undone?: string;
}

/** Returns the exit code when that is all: it was a dry run, or is not meant. Undefined: go on. */
export async function beforeEnding(session: Session, ending: Ending): Promise<number | undefined> {
  const { options, reach, wouldEnd, mayEndNothing = false, undone } = ending;
  if (options.dryRun === true) return printDryRun(session, await wouldEnd());
  if (options.yes === true || reach === undefined) return undefined;
  const canAsk = session.io.ask !== undefined;
  // Without a terminal nobody can be asked: no need to count.
  const would = canAsk || mayEndNothing ? await wouldEnd() : undefined;
  if (mayEndNothing && would !== undefined && isNothing(would)) return undefined;
  const counted = canAsk && would !== undefined ? ` (at most ${wouldText(would)})` : "";
  return (await isMeant(session, reach + counted, undone)) ? undefined : EXIT.error;
}

/** What an app may ask for no more is something, also where it has asked for it for nobody yet. */
const isNothing = ({ ends, withdrawnFromApps = 0 }: DryRun): boolean =>
  withdrawnFromApps === 0 && Object.values(ends).every((count) => count === 0);

function printDryRun(session: Session, dryRun: DryRun): number {
  if (session.json) printJson(session, dryRun);
  else session.io.stdout.write(`Nothing was changed. It would end at most ${wouldText(dryRun)}.\n`);
  return EXIT.ok;
}

function wouldText({ ends, withdrawnFromApps }: DryRun): string {
  const without =
    withdrawnFromApps === undefined
      ? ""
      : `, and ${counted(withdrawnFromApps, "app")} could ask for it no more`;
  return radiusText(ends) + without;
}

/** Of what has gone, after it has. */
export const withdrawnText = (apps: number | undefined): string =>
  apps === undefined ? "" : ` ${counted(apps, "app")} may ask for it no more.`;

export function radiusText({ users, sessions, apps, tokens }: BlastRadius): string {
  const things = `${counted(sessions, "session")} and ${counted(tokens, "token")}`;
  return `${things} of ${counted(users, "user")} in ${counted(apps, "app")}`;
}

function counted(count: number | "unknown", what: string): string {
  if (count === "unknown") return `an unknown number of ${what}s`;
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
