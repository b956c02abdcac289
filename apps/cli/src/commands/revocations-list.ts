import { MODES, REASONS, type RevocationEntry, type RevocationPage, SCOPES } from "@portcullis/protocol";
import { type Command, Option } from "commander";
import type { RevocationsApi } from "../api/revocations-api.ts";
import { EXIT } from "../exit-codes.ts";
import { REVOCATION_COLUMNS } from "../print/revocation.ts";
import { tableOf } from "../print/table.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";
import { parseCount } from "./numbers.ts";

const MAX_PER_PAGE = 500;

interface ListOptions {
  readonly limit: number;
  readonly all?: boolean;
  readonly before?: number;
  readonly [filter: string]: unknown;
}

const FILTERS = [
  "scope",
  "mode",
  "reason",
  "key",
  "subject",
  "client",
  "audience",
  "organization",
  "actor",
  "since",
  "until",
] as const;

export function addRevocationsList(parent: Command, cli: Cli): void {
  parent
    .command("list")
    .description("list and search revocations, the newest first")
    .addOption(new Option("--scope <scope>", "only this scope").choices(SCOPES))
    .addOption(new Option("--mode <mode>", "only this mode").choices(MODES))
    .addOption(new Option("--reason <reason>", "only this reason").choices(REASONS))
    .option("--key <key>", "only this token, session, app ..., or all that concerns this user")
    .option("--subject <sub>", "user of a pair; goes with --client, --audience or --organization")
    .option("--client <id>", "client of a subject-client pair; goes with --subject")
    .option("--audience <api>", "API of a subject-audience pair; goes with --subject")
    .option("--organization <id>", "organization of a subject-organization pair; goes with --subject")
    .option("--actor <id>", "only those made by this client or person")
    .option("--since <time>", "made at this time or later, such as 2026-03-01T12:00:00Z")
    .option("--until <time>", "made at this time or earlier")
    .option("--before <seq>", "older than this seq", parseCount)
    .option("--limit <count>", "how many at most", parseCount, 50)
    .option("--all", "all that match, however many")
    .addHelpText("after", EXAMPLES)
    .action(acting(cli, list));
}

const EXAMPLES = `
Name a user by sub, username or e-mail address. Without --scope, --key finds all that concerns the user: the user, the user
at an app or an API, sessions and grants.

Examples:
  portcullis revocations list --key alice
  portcullis revocations list --reason banned --since 2026-03-01T00:00:00Z --all
  portcullis revocations list --limit 500 --json

A revocation is listed until every token that it covers has expired. Needs the scope revocations.inspect.`;

async function list(session: Session, command: Command): Promise<number> {
  const options = command.opts<ListOptions>();
  const api = await session.connect("inspectRevocations");
  const found = await collect(api, options);
  if (session.json) printJson(session, found);
  else print(session, found);
  if (!session.json && options.key !== undefined && options.scope === undefined)
    session.io.stderr.write(NOT_BY_NAME);
  return EXIT.ok;
}

const NOT_BY_NAME =
  "Of a user, all is listed but single tokens: they are found by their jti alone, since no name is kept with them.\n";

/** Pages are short where little matches; a list is not. */
async function collect(api: RevocationsApi, options: ListOptions): Promise<RevocationPage> {
  const wanted = options.all === true ? Number.POSITIVE_INFINITY : options.limit;
  const filters = Object.fromEntries(FILTERS.map((name) => [name, options[name] as string | undefined]));
  const revocations: RevocationEntry[] = [];
  let before = options.before;
  for (;;) {
    const limit = Math.min(wanted - revocations.length, MAX_PER_PAGE);
    const page = await api.list({ ...filters, before, limit });
    for (const entry of page.revocations) revocations.push(entry);
    if (page.next === undefined) return { head: page.head, revocations };
    if (revocations.length >= wanted) return { head: page.head, revocations, next: page.next };
    before = page.next;
  }
}

function print({ io, width }: Session, { revocations, head, next }: RevocationPage): void {
  if (revocations.length === 0) io.stdout.write(`No revocation matches. The log ends at seq ${head}.\n`);
  else io.stdout.write(tableOf(REVOCATION_COLUMNS, revocations, width));
  if (next !== undefined) io.stderr.write(`There are more: add --before ${next}, or --all.\n`);
}
