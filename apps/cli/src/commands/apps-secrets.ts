/** `apps secrets list|add|remove`: two may hold at a time, so that a new one is brought out before the old one goes. */
import {
  type AppSecret,
  appSecretListSchema,
  appSecretSchema,
  createdAppSecretSchema,
} from "@portcullis/protocol";
import type { Command } from "commander";
import { EXIT } from "../exit-codes.ts";
import { type Column, tableOf } from "../print/table.ts";
import { dateTime } from "../print/times.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";
import { pathOfApp, secretText } from "./apps.ts";

export function addAppsSecrets(apps: Command, cli: Cli): void {
  const parent = apps
    .command("secrets")
    .description("list, add and remove secrets of an app")
    .helpCommand(false)
    .addHelpText("after", EXAMPLES);
  addList(parent, cli);
  addAdd(parent, cli);
  addRemove(parent, cli);
}

const EXAMPLES = `
Examples:
  portcullis apps secrets list nightly
  portcullis apps secrets add nightly

Needs the scopes apps.read or apps.write.`;

const CLIENT_ID = ["<client-id>", "the client_id of the app"] as const;

function addList(parent: Command, cli: Cli): void {
  parent
    .command("list")
    .description("list the secrets of an app, without what they are")
    .argument(...CLIENT_ID)
    .addHelpText(
      "after",
      `
Examples:
  portcullis apps secrets list nightly

Needs the scope apps.read.`,
    )
    .action(acting(cli, list));
}

async function list(session: Session, command: Command): Promise<number> {
  const [clientId] = command.processedArgs as [string];
  const api = await session.connect("readApps");
  const found = await api.administer(appSecretListSchema, { path: `${pathOfApp(clientId)}/secrets` });
  if (session.json) printJson(session, found);
  else session.io.stdout.write(tableOf(COLUMNS, found.items, session.width));
  return EXIT.ok;
}

const COLUMNS: readonly Column<AppSecret>[] = [
  { title: "ID", value: ({ id }) => id },
  { title: "CREATED", value: ({ createdAt }) => dateTime(createdAt) },
  { title: "EXPIRES", value: ({ expiresAt }) => (expiresAt === undefined ? "never" : dateTime(expiresAt)) },
  { title: "LAST USED", value: ({ lastUsedAt }) => (lastUsedAt === undefined ? "-" : dateTime(lastUsedAt)) },
];

function addAdd(parent: Command, cli: Cli): void {
  parent
    .command("add")
    .description("give an app another secret; the ones that it has stay good")
    .argument(...CLIENT_ID)
    .option("--expires-at <time>", "when it stops working, as in 2027-12-31T12:00:00Z")
    .addHelpText(
      "after",
      `
There are two at a time at most. Bring the new one out, see with "apps secrets list" that the old one is used no more, and
remove it. The secret is printed once: only its hash is stored.

Examples:
  portcullis apps secrets add nightly

Needs the scope apps.write.`,
    )
    .action(acting(cli, add));
}

async function add(session: Session, command: Command): Promise<number> {
  const [clientId] = command.processedArgs as [string];
  const { expiresAt } = command.opts<{ expiresAt?: string }>();
  const api = await session.connect("writeApps");
  const path = `${pathOfApp(clientId)}/secrets`;
  const secret = await api.administer(createdAppSecretSchema, { method: "POST", path, body: { expiresAt } });
  if (session.json) printJson(session, secret);
  else session.io.stdout.write(`Added: ${secret.id}.\n${secretText(secret.clientSecret)}\n`);
  return EXIT.ok;
}

function addRemove(parent: Command, cli: Cli): void {
  parent
    .command("remove")
    .description("take a secret from an app: it is refused from the next request on")
    .argument(...CLIENT_ID)
    .argument("<id>", "id of the secret, as listed")
    .addHelpText(
      "after",
      `
What the app got with it goes on. To end that as well: portcullis apps disable, or portcullis revoke client.

Examples:
  portcullis apps secrets remove nightly Vt8Vt7mGQf2bqfYkq0hZ0A

Needs the scope apps.write.`,
    )
    .action(acting(cli, remove));
}

async function remove(session: Session, command: Command): Promise<number> {
  const [clientId, id] = command.processedArgs as [string, string];
  const api = await session.connect("writeApps");
  const path = `${pathOfApp(clientId)}/secrets/${encodeURIComponent(id)}`;
  const removed = await api.administer(appSecretSchema, { method: "DELETE", path });
  if (session.json) printJson(session, removed);
  else session.io.stdout.write(`Removed: ${removed.id}.\n`);
  return EXIT.ok;
}
