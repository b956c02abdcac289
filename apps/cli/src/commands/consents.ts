/** `consents list` and `consents withdraw`. */
import type { Consent, ConsentList } from "@portcullis/protocol";
import type { Command } from "commander";
import { EXIT } from "../exit-codes.ts";
import { type Column, tableOf, visible } from "../print/table.ts";
import { dateTime } from "../print/times.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";
import { usage } from "../settings.ts";
import { addEndingOptions, beforeEnding, type EndingOptions } from "./before-ending.ts";
import { parseWait } from "./numbers.ts";
import { printHowItGoesOn, printReceipt } from "./print-receipt.ts";

const DEFAULT_WAIT_SECONDS = 5;
const USER = ["<user>", "a sub, a username or an e-mail address"] as const;

export function addConsents(program: Command, cli: Cli): void {
  const consents = program
    .command("consents")
    .description("see what a user has allowed apps, and take it away")
    .helpCommand(false)
    .addHelpText("after", EXAMPLES);
  consents
    .command("list")
    .description("list which apps have access to a user, and since when")
    .argument(...USER)
    .addHelpText("after", LIST_HELP)
    .action(acting(cli, list));
  const withdrawing = consents
    .command("withdraw")
    .description("take an app's access to a user away, and say which verifiers enforce it")
    .argument(...USER)
    .argument("<app>", "the client_id of the app")
    .option(
      "--wait <seconds>",
      "how long to wait for all verifiers, 0 to 30",
      parseWait,
      DEFAULT_WAIT_SECONDS,
    );
  addEndingOptions(withdrawing, { asks: false })
    .addHelpText("after", WITHDRAW_HELP)
    .action(acting(cli, withdraw));
}

const EXAMPLES = `
Examples:
  portcullis consents list alice
  portcullis consents withdraw alice mail

Needs the scope users.read for list, users.write for withdraw.`;

const LIST_HELP = `
STATUS is what has become of the app: enabled, disabled or deleted. An app of the operator's own is first-party: nobody was asked.
UNTIL is when the access ends by itself; with "-" it stands until it is withdrawn, with "this time" as long as the sign-in lasts.
DECLINED is what the app can do without, and the user has unticked.

Examples:
  portcullis consents list alice
  portcullis consents list alice --json

Needs the scope users.read.`;

const WITHDRAW_HELP = `
The consent, and every grant and token that the app has for the user, end. The app asks the user again at the next sign-in.

Examples:
  portcullis consents withdraw alice mail
  portcullis consents withdraw alice mail --dry-run

Needs the scope users.write. Exit code: 0 if it is enforced, 3 if a verifier may still allow it.`;

async function list(session: Session, command: Command): Promise<number> {
  const [user] = command.processedArgs as [string];
  assertGiven("<user>", user);
  const api = await session.connect("readUsers");
  const found = await api.consents(user);
  if (session.json) printJson(session, found);
  else session.io.stdout.write(consentsText(found, session));
  return EXIT.ok;
}

function assertGiven(name: string, value: string): void {
  if (value === "") throw usage(`${name}: found nothing; see --help for what it takes.`);
}

const STYLES = { enabled: "green", disabled: "yellow", deleted: "dim" } as const;

function consentsText({ items }: ConsentList, { paint, width }: Session): string {
  const columns: readonly Column<Consent>[] = [
    { title: "APP", value: ({ clientId }) => clientId },
    { title: "NAME", value: ({ name }) => name, least: 8 },
    { title: "STATUS", value: ({ app }) => app, style: (text, { app }) => paint(STYLES[app], text) },
    { title: "SINCE", value: ({ since }) => dateTime(since) },
    { title: "UNTIL", value: untilText },
    { title: "ALLOWED", value: allowedText, least: 12 },
    { title: "DECLINED", value: ({ declined }) => wordsText(declined) || "-", least: 8 },
  ];
  return tableOf(columns, items, width);
}

const allowedText = (consent: Consent): string =>
  `${consent.firstParty ? "(first-party) " : ""}${wordsText(consent)}`;

const wordsText = ({ scopes, claims, apis }: Pick<Consent, "scopes" | "claims" | "apis">): string =>
  [...scopes, ...claims, ...Object.values(apis).flat()].join(" ");

function untilText({ until, remembered, firstParty }: Consent): string {
  if (until !== undefined) return dateTime(until);
  return remembered || firstParty ? "-" : "this time";
}

async function withdraw(session: Session, command: Command): Promise<number> {
  const [user, app] = command.processedArgs as [string, string];
  assertGiven("<user>", user);
  assertGiven("<app>", app);
  const { wait, ...options } = command.opts<EndingOptions & { readonly wait: number }>();
  const api = await session.connect("writeUsers");
  const wouldEnd = () => api.wouldWithdraw(user, app);
  const over = await beforeEnding(session, { options, reach: undefined, wouldEnd });
  if (over !== undefined) return over;
  const consent = await api.withdrawConsent(user, app, wait);
  const { receipt, name } = consent;
  if (session.json) printJson(session, consent);
  else if (receipt !== undefined) {
    session.io.stdout.write(`Withdrawn: ${visible(name)} has no access to ${visible(user)} any more.\n`);
    printReceipt(session, receipt, "Revoked");
    printHowItGoesOn(session, receipt);
  }
  return receipt?.state === "pending" ? EXIT.pending : EXIT.ok;
}
