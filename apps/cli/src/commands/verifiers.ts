import { hasCode, type SuspensionState } from "@portcullis/protocol";
import type { Command } from "commander";
import type { RevocationsApi } from "../api/revocations-api.ts";
import { EXIT } from "../exit-codes.ts";
import { visible } from "../print/table.ts";
import { clockTime } from "../print/times.ts";
import { verifiersText } from "../print/verifiers.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";
import { usage } from "../settings.ts";

const REDRAW_MS = 1000;
/** Cursor to the top left, and nothing left of what was there. */
const CLEAR = "\u001b[H\u001b[2J\u001b[3J";

export function addVerifiers(program: Command, cli: Cli): void {
  const parent = program
    .command("verifiers")
    .description("list the verifiers, suspend one, and resume it")
    .helpCommand(false)
    .addHelpText("after", EXAMPLES);
  parent
    .command("list", { isDefault: true })
    .description("list the verifiers, and how far each one is")
    .option("--watch", "refresh every second, until Ctrl-C")
    .addHelpText("after", LIST_HELP)
    .action(acting(cli, verifiers));
  addSuspend(parent, cli);
  parent
    .command("resume")
    .description("let a suspended verifier have leases again")
    .argument(...NAME)
    .requiredOption(...CLIENT)
    .addHelpText("after", RESUME_HELP)
    .action(acting(cli, resume));
}

const NAME = ["<name>", "name of the verifier, as verifiers list shows it"] as const;
const CLIENT = ["--client <client-id>", "the client with whose credential it calls"] as const;

function addSuspend(parent: Command, cli: Cli): void {
  parent
    .command("suspend")
    .description("give a verifier no lease: it stops allowing")
    .argument(...NAME)
    .requiredOption(...CLIENT)
    .option("--note <text>", "why, in your words")
    .addHelpText("after", SUSPEND_HELP)
    .action(acting(cli, suspend));
}

const EXAMPLES = `
Without a command it lists them.

Examples:
  portcullis verifiers
  portcullis verifiers suspend gateway-7f3a --client gateway

Needs the scope revocations.inspect for list, revocations.write for suspend and resume.`;

const SUSPEND_HELP = `
For a verifier that renews its lease and never acknowledges, or that somebody runs who should not. It answers 503
from then on, where a route demands a fresh list. Receipts wait for it until the lease that it has runs out. A process
can take another name: to end all that a client may do, use portcullis apps disable.

Examples:
  portcullis verifiers suspend gateway-7f3a --client gateway --note "hangs"

Needs the scope revocations.write.`;

const RESUME_HELP = `
Examples:
  portcullis verifiers resume gateway-7f3a --client gateway

Needs the scope revocations.write.`;

const LIST_HELP = `
Examples:
  portcullis verifiers
  portcullis verifiers list --watch
  portcullis verifiers list --json

Columns:
  FROM     where its last call came from
  STATE    live: has applied the newest revocation; behind: has not yet; no lease: may allow nothing;
           clock off: its clock differs too much from the issuer's, so it allows nothing
  APPLIED  the newest seq that it has applied
  BEHIND   how many revocations it has not applied yet
  AGE      how long ago it last asked for its lease
  LEASE    how long it may allow requests without asking again
  AGREES   whether its records equal the log

Needs the scope revocations.inspect.`;

async function verifiers(session: Session, command: Command): Promise<number> {
  const isWatching = command.opts<{ watch?: boolean }>().watch ?? false;
  if (isWatching && !session.io.isTerminal && !session.json) {
    throw usage("--watch: found no terminal to draw on. Add --json for one line a second.");
  }
  const api = await session.connect("inspectRevocations");
  if (isWatching) await watch(session, api);
  else await print(session, api);
  return EXIT.ok;
}

interface OfVerifier {
  readonly client: string;
  readonly note?: string;
}

async function suspend(session: Session, command: Command): Promise<number> {
  const [name] = command.processedArgs as [string];
  const { client: clientId, note } = command.opts<OfVerifier>();
  const api = await session.connect("writeRevocations");
  const state = await api.suspendVerifier({ clientId, name, note });
  const says = state.changed ? "Suspended" : "It was suspended already";
  const until = state.mayAllowUntil;
  const rest =
    until === undefined ? "It holds no lease." : `Its lease ends at ${clockTime(until, session.io.now())}.`;
  return said(session, state, `${says}: ${visible(name)} of ${visible(clientId)}. ${rest}`);
}

async function resume(session: Session, command: Command): Promise<number> {
  const [name] = command.processedArgs as [string];
  const { client: clientId } = command.opts<OfVerifier>();
  const api = await session.connect("writeRevocations");
  const state = await api.resumeVerifier({ clientId, name });
  const says = state.changed ? "Resumed" : "It was not suspended";
  return said(session, state, `${says}: ${visible(name)} of ${visible(clientId)}.`);
}

function said(session: Session, state: SuspensionState, text: string): number {
  if (session.json) printJson(session, state);
  else session.io.stdout.write(`${text}\n`);
  return EXIT.ok;
}

async function watch(session: Session, api: RevocationsApi): Promise<void> {
  const { signal, delay, stderr } = session.io;
  await print(session, api, session.json ? "" : CLEAR);
  while (!signal.aborted) {
    await delay(REDRAW_MS, signal);
    if (signal.aborted) return;
    try {
      await print(session, api, session.json ? "" : CLEAR);
    } catch (error) {
      if (signal.aborted) return;
      // A server that restarts is what one watches for.
      if (!hasCode(error, "issuer_unreachable") && !hasCode(error, "timed_out")) throw error;
      stderr.write(`${error.message}\n`);
    }
  }
}

async function print(session: Session, api: RevocationsApi, before = ""): Promise<void> {
  const list = await api.verifiers();
  if (session.json) return printJson(session, list);
  const { io, paint, width } = session;
  io.stdout.write(before + verifiersText(list, { paint, ...(width === undefined ? {} : { width }) }));
}
