import type { KeyList, SigningKeyEntry } from "@portcullis/protocol";
import type { Command } from "commander";
import { EXIT } from "../exit-codes.ts";
import { type Column, tableOf } from "../print/table.ts";
import { dateTime } from "../print/times.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";

export function addKeysList(parent: Command, cli: Cli): void {
  parent
    .command("list")
    .description("list the keys that the issuer signs with, or has signed with")
    .addHelpText("after", EXAMPLES)
    .action(acting(cli, list));
}

const EXAMPLES = `
STATUS:
  active    signs tokens; there is one for each algorithm in use, and one that is next
  next      is published, and signs once the active key is rotated or retired
  retiring  no longer signs; stays published until its last token has ended
  retired   is no longer published. If the reason is rotated, its tokens had ended; otherwise they are refused for good

SINCE is when the key was made and published. UNTIL is when it leaves, or left.

Examples:
  portcullis keys list
  portcullis keys list --json

Needs the scope keys.read.`;

async function list(session: Session): Promise<number> {
  const api = await session.connect("readKeys");
  const found = await api.keys();
  if (session.json) printJson(session, found);
  else session.io.stdout.write(keysText(found, session));
  return EXIT.ok;
}

const STYLES = { active: "green", next: "cyan", retiring: "yellow", retired: "dim" } as const;

function keysText({ items }: KeyList, { paint, width }: Session): string {
  const columns: readonly Column<SigningKeyEntry>[] = [
    { title: "KID", value: ({ kid }) => kid },
    { title: "ALGORITHM", value: ({ algorithm }) => algorithm },
    {
      title: "STATUS",
      value: ({ status }) => status,
      style: (text, { status }) => paint(STYLES[status], text),
    },
    { title: "SINCE", value: ({ createdAt }) => dateTime(createdAt) },
    { title: "UNTIL", value: untilOf },
    { title: "REASON", value: ({ retiredReason }) => retiredReason ?? "-", least: 8 },
    { title: "BY", value: ({ retiredBy, retiredByName }) => retiredByName ?? retiredBy ?? "-", least: 8 },
  ];
  return tableOf(columns, items, width);
}

function untilOf({ publishedUntil, retiredAt }: SigningKeyEntry): string {
  const time = publishedUntil ?? retiredAt;
  return time === undefined ? "-" : dateTime(time);
}
