/** `users import`: a large file in parts, each of which says where it broke off. */
import { createReadStream } from "node:fs";
import type { UserImportResult } from "@portcullis/protocol";
import type { Command } from "commander";
import type { UsersApi } from "../api/users-api.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { visible } from "../print/table.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";
import { usage } from "../settings.ts";
import { parseCount } from "./numbers.ts";

/** As many as fit into a request, whatever the machine: a line may cost a second. */
const LINES_PER_REQUEST = 200;

export function addImport(users: Command, cli: Cli): void {
  users
    .command("import")
    .description("create users from a file of JSON lines")
    .argument("<file>", "a JSON text a line; docs/reference/api.md says what it may have")
    .option("--from <line>", "begin at this line", parseCount, 1)
    .addHelpText(
      "after",
      `
A bad line is named, and the rest goes on. Users who are there already as the file says are left alone: after a failure, run it again.

Examples:
  portcullis users import users.ndjson

Needs the scope users.write. Exit code: 1 if a line failed.`,
    )
    .action(acting(cli, importFile));
}

interface Counts {
  created: number;
  unchanged: number;
  failed: number;
}

async function importFile(session: Session, command: Command): Promise<number> {
  const [file] = command.processedArgs as [string];
  const { from } = command.opts<{ from: number }>();
  const { users } = await session.connect("writeUsers");
  const counts: Counts = { created: 0, unchanged: 0, failed: 0 };
  let next = from;
  try {
    for await (const part of parts(file, from)) {
      const cut = await importPart(session, users, { ...part, counts });
      next = part.first + (cut === undefined ? part.lines.length : cut.line - 1);
      if (cut !== undefined) throw cutError(cut);
      if (!session.json) session.io.stderr.write(`${next - 1} lines: ${counted(counts)}\n`);
    }
  } catch (cause) {
    if (!session.json) session.io.stderr.write(`Stopped before line ${next}. To go on: add --from ${next}\n`);
    throw cause;
  }
  if (session.json) printJson(session, { lines: next - from, ...counts });
  else session.io.stdout.write(`Imported: ${counted(counts)}.\n`);
  return counts.failed === 0 ? EXIT.ok : EXIT.error;
}

const counted = ({ created, unchanged, failed }: Counts): string =>
  `${created} created, ${unchanged} unchanged, ${failed} failed`;

interface Part {
  /** Number of its first line in the file. */
  readonly first: number;
  readonly lines: readonly string[];
}

/** Returns where the part was cut; undefined when all of it was answered. */
async function importPart(
  session: Session,
  users: UsersApi,
  { first, lines, counts }: Part & { readonly counts: Counts },
): Promise<Cut | undefined> {
  const results = await users.import(lines);
  const cut = cutIn(lines, results);
  for (const { line, ...result } of results) {
    if (line === cut?.line) continue;
    counts[result.result]++;
    if (result.result !== "failed") continue;
    const number = first + line - 1;
    if (session.json) printJson(session, { line: number, ...result });
    else session.io.stderr.write(`line ${number}: ${visible(result.detail ?? result.code ?? "failed")}\n`);
  }
  return cut;
}

/** The line of a part at which the server has stopped: what is there and after it counts as not stored. */
type Cut = Pick<UserImportResult, "line" | "detail">;

/** An answer ends early when the token of the call has ended: its last line then says so, of a line that may be good. */
function cutIn(lines: readonly string[], results: readonly UserImportResult[]): Cut | undefined {
  const toBeAnswered = lines.findLastIndex((line) => line.trim() !== "") + 1;
  const last = results.at(-1);
  if (last === undefined) return toBeAnswered === 0 ? undefined : { line: 1 };
  return last.line < toBeAnswered || REFUSALS_OF_TOKENS.includes(last.code) ? last : undefined;
}

/** RFC 6750, section 3.1. */
const REFUSALS_OF_TOKENS: readonly (string | undefined)[] = ["invalid_token", "insufficient_scope"];

const cutError = ({ detail = "The answer of the server broke off." }: Cut) =>
  cliError("not_accepted", { text: detail });

async function* parts(file: string, from: number): AsyncGenerator<Part> {
  let number = 0;
  let lines: string[] = [];
  for await (const line of linesIn(file)) {
    if (++number < from) continue;
    lines.push(line);
    if (lines.length < LINES_PER_REQUEST) continue;
    yield { first: number - lines.length + 1, lines };
    lines = [];
  }
  if (lines.length > 0) yield { first: number - lines.length + 1, lines };
}

/** Ends them at LF alone: `readline` ends them at U+2028 and U+2029, too, which a JSON text may have inside. */
async function* linesIn(file: string): AsyncGenerator<string> {
  let rest = "";
  try {
    for await (const chunk of createReadStream(file, "utf8")) {
      const lines = `${rest}${chunk}`.split("\n");
      rest = lines.pop()!;
      yield* lines;
    }
  } catch (error) {
    throw usage(`<file>: cannot read ${file} (${(error as NodeJS.ErrnoException).code}).`);
  }
  if (rest !== "") yield rest;
}
