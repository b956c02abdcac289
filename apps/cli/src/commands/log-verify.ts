import type { Command } from "commander";
import { EXIT } from "../exit-codes.ts";
import { visible } from "../print/table.ts";
import type { Check } from "../proof/check.ts";
import { type OnProgress, type Proven, proveLog } from "../proof/prove-log.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";

/** Shorter logs are read before anybody has seen that something is going on. */
const SHORT = 20_000;
const CLEAR_LINE = "\r\u001b[K";

export function addLogVerify(parent: Command, cli: Cli): void {
  parent
    .command("verify")
    .description("check that the log is complete, and that every verifier holds the same records")
    .addHelpText("after", EXAMPLES)
    .action(acting(cli, verify));
}

const EXAMPLES = `
It reads the whole log and checks:
  log        no record is missing
  chain      the hashes, computed again from the records, are the stored ones
  signature  the issuer has signed the end of the log
  verifiers  each one reports the same chain and the same live records as the log

Examples:
  portcullis log verify
  portcullis log verify --json

Needs the scopes revocations.read and revocations.inspect. Exit code: 0 if nothing differs, 4 if something does. It
then says what differs, and what to do.`;

async function verify(session: Session): Promise<number> {
  const api = await session.connect("readRevocations", "inspectRevocations");
  const proven = await proveLog(api, progressOn(session));
  const isSame = proven.checks.every(({ ok }) => ok !== false);
  if (session.json) printJson(session, { ok: isSame, ...proven });
  else print(session, proven);
  return isSame ? EXIT.ok : EXIT.difference;
}

function progressOn({ io, json }: Session): OnProgress {
  if (!io.isTerminal || json) return () => undefined;
  return (read, of) => {
    if (of < SHORT) return;
    const part = Math.floor((100 * read) / of);
    const text = `Reading the log: seq ${read.toLocaleString("en")} of ${of.toLocaleString("en")} (${part}%)`;
    io.stderr.write(read < of ? CLEAR_LINE + text : CLEAR_LINE);
  };
}

function print(session: Session, { checks }: Proven): void {
  const { io } = session;
  const width = Math.max(...checks.map((check) => titleOf(check).length));
  for (const check of checks) io.stdout.write(`${lineOf(session, check, width)}\n`);
  const advice = new Set(checks.flatMap((check) => check.advice ?? []));
  if (advice.size > 0) io.stdout.write(`\nWhat to do: ${[...advice].join("\n            ")}\n`);
  io.stdout.write(`\n${verdictOf(checks)}\n`);
}

function lineOf({ paint }: Session, check: Check, width: number): string {
  const mark =
    check.ok === null ? paint("yellow", "-") : check.ok ? paint("green", "ok") : paint("red", "NO");
  const gap = " ".repeat(check.ok === null ? 2 : 1);
  return `${mark}${gap} ${titleOf(check).padEnd(width)}  ${check.message}`;
}

const titleOf = ({ check, subject }: Check): string => visible(subject ?? check);

function verdictOf(checks: readonly Check[]): string {
  const differing = checks.filter(({ ok }) => ok === false);
  if (differing.length > 0) return `These differ: ${differing.map(titleOf).join(", ")}.`;
  const verifiers = checks.filter(({ check }) => check === "verifier");
  const compared = verifiers.filter(({ ok }) => ok).length;
  if (verifiers.length === 0) return "The log is complete. No verifier holds a lease.";
  return `The log is complete, and ${compared} of ${verifiers.length} ${verifiers.length === 1 ? "verifier holds" : "verifiers hold"} the same records${compared === verifiers.length ? "" : "; the others cannot be compared"}.`;
}
