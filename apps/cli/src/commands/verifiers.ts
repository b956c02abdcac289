import { hasCode } from "@portcullis/protocol";
import type { Command } from "commander";
import type { RevocationsApi } from "../api/revocations-api.ts";
import { EXIT } from "../exit-codes.ts";
import { verifiersText } from "../print/verifiers.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";
import { usage } from "../settings.ts";

const REDRAW_MS = 1000;
/** Cursor to the top left, and nothing left of what was there. */
const CLEAR = "\u001b[H\u001b[2J\u001b[3J";

export function addVerifiers(parent: Command, cli: Cli): void {
  parent
    .command("verifiers")
    .description("list the verifiers, and how far each one is")
    .option("--watch", "refresh every second, until Ctrl-C")
    .addHelpText("after", EXAMPLES)
    .action(acting(cli, verifiers));
}

const EXAMPLES = `
Examples:
  portcullis verifiers
  portcullis verifiers --watch
  portcullis verifiers --json

Columns:
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
