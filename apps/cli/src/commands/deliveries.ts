/** `deliveries list`, `replay` and `drop`: what is told to apps afterwards, and did not arrive. */
import { DELIVERY_STATES, type Delivery, deliveryListSchema, deliverySchema } from "@portcullis/protocol";
import { type Command, Option } from "commander";
import { EXIT } from "../exit-codes.ts";
import { type Column, tableOf, visible } from "../print/table.ts";
import { dateTime } from "../print/times.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";

const IDS = ["<id...>", "id of a delivery, as deliveries list shows it"] as const;

export function addDeliveries(program: Command, cli: Cli): void {
  const deliveries = program
    .command("deliveries")
    .description("see what apps could not be told, try it again, or give it up")
    .helpCommand(false)
    .addHelpText("after", EXAMPLES);
  deliveries
    .command("list")
    .description("list the deliveries in one state")
    .addOption(new Option("--state <state>", "which").choices(DELIVERY_STATES).default("dead"))
    .option("--recipient <client-id>", "those for this app alone")
    .addHelpText("after", LIST_HELP)
    .action(acting(cli, list));
  deliveries
    .command("replay")
    .description("try dead deliveries again")
    .argument(...IDS)
    .addHelpText("after", REPLAY_HELP)
    .action(acting(cli, replay));
  deliveries
    .command("drop")
    .description("give deliveries up that are dead or pending")
    .argument(...IDS)
    .addHelpText("after", DROP_HELP)
    .action(acting(cli, drop));
}

const EXAMPLES = `
Examples:
  portcullis deliveries list
  portcullis deliveries replay 3q2-7wAAAAAAAAAAAAAAAA

Needs the scope config.read for list, config.write for replay and drop.`;

const LIST_HELP = `
A logout token is tried six times within an hour; then it is dead. What has arrived is listed for a day, what is dead for 30 days.

Examples:
  portcullis deliveries list
  portcullis deliveries list --state pending --recipient shop
  portcullis deliveries list --json

Needs the scope config.read.`;

const REPLAY_HELP = `
Each is tried at once, and as often as a new one, at the address that the app has now.

Examples:
  portcullis deliveries replay 3q2-7wAAAAAAAAAAAAAAAA

Needs the scope config.write.`;

const DROP_HELP = `
The app is not told. What has ended stays ended.

Examples:
  portcullis deliveries drop 3q2-7wAAAAAAAAAAAAAAAA

Needs the scope config.write.`;

async function list(session: Session, command: Command): Promise<number> {
  const { state, recipient } = command.opts<{ state: string; recipient?: string }>();
  const api = await session.connect("readConfig");
  const query = { state, recipient };
  const items: Delivery[] = await api.everyPage(deliveryListSchema, { path: "/deliveries", query });
  if (session.json) printJson(session, { items });
  else session.io.stdout.write(tableOf(COLUMNS, items, session.width));
  return EXIT.ok;
}

const COLUMNS: readonly Column<Delivery>[] = [
  { title: "ID", value: ({ id }) => id },
  { title: "APP", value: ({ recipient }) => recipient },
  { title: "USER", value: ({ sub }) => sub, least: 12 },
  { title: "STATE", value: ({ state }) => state },
  { title: "TRIES", value: ({ attempts }) => String(attempts) },
  { title: "SINCE", value: ({ createdAt }) => dateTime(createdAt) },
  { title: "LAST ERROR", value: ({ lastError }) => lastError ?? "-", least: 12 },
];

const replay = (session: Session, command: Command): Promise<number> =>
  actOnEach(session, command, {
    call: (id) => ({ method: "POST", path: `/deliveries/${encodeURIComponent(id)}/replay` }),
    done: "Tried again",
  });

const drop = (session: Session, command: Command): Promise<number> =>
  actOnEach(session, command, {
    call: (id) => ({ method: "DELETE", path: `/deliveries/${encodeURIComponent(id)}` }),
    done: "Dropped",
  });

interface ActOnOne {
  readonly call: (id: string) => { readonly method: "POST" | "DELETE"; readonly path: string };
  readonly done: string;
}

/** One after the other: what was done before an error stands, and was said. */
async function actOnEach(session: Session, command: Command, { call, done }: ActOnOne): Promise<number> {
  const [ids] = command.processedArgs as [string[]];
  const api = await session.connect("writeConfig");
  const items: Delivery[] = [];
  for (const id of ids) {
    const delivery = await api.administer(deliverySchema, call(id));
    items.push(delivery);
    if (!session.json)
      session.io.stdout.write(`${done}: ${visible(id)}, for ${visible(delivery.recipient)}.\n`);
  }
  if (session.json) printJson(session, { items });
  return EXIT.ok;
}
