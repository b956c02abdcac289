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
    .description("list who may say allow, and how far each has got")
    .option("--watch", "draw it anew each second, until Ctrl-C")
    .addHelpText("after", EXAMPLES)
    .action(acting(cli, verifiers));
}

const EXAMPLES = `
Examples:
  portcullis verifiers
  portcullis verifiers --watch
  portcullis verifiers --json

Columns: APPLIED is the newest seq that its index holds, BEHIND how many it lacks, AGE how long ago it asked
for its lease, LEASE how long it may say allow without asking again, AGREES whether what it reports of its
records equals the log. A verifier whose STATE is "clock off" allows nothing: its wall clock differs from the
issuer's by more than the clock skew. Needs the scope revocations.inspect.`;

async function verifiers(session: Session, command: Command): Promise<number> {
  const isWatching = command.opts<{ watch?: boolean }>().watch ?? false;
  if (isWatching && !session.io.isTerminal && !session.json) {
    throw usage("--watch: draws on a terminal, and this is none. Add --json for one line a second.");
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
