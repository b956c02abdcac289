import {
  hasCode,
  isPairScope,
  MODES,
  PAIR_SCOPES,
  type PairHalf,
  type PairScope,
  pairKeyOf,
  REASONS,
  type RevocationAnswer,
  SCOPES,
  type Scope,
} from "@portcullis/protocol";
import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { visible } from "../print/table.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";
import { usage } from "../settings.ts";
import { beforeEnding, type EndingOptions } from "./before-ending.ts";
import { parseWait } from "./numbers.ts";
import { printHowItGoesOn, printReceipt } from "./print-receipt.ts";

const DEFAULT_WAIT_SECONDS = 5;

interface RevokeOptions extends EndingOptions {
  readonly subject?: string;
  readonly client?: string;
  readonly audience?: string;
  readonly organization?: string;
  readonly mode: string;
  readonly reason?: string;
  readonly note?: string;
  readonly wait: number;
  readonly quorum?: boolean;
  readonly foreign?: boolean;
}

/** They reach further than one person: whoever means another scope should hear it before and not after. */
const DANGEROUS: Partial<Record<Scope, (key: string) => string>> = {
  issuer: () => "every access token of this issuer, for all users and clients",
  audience: (key) => `every access token for the API ${key}, for all users and clients`,
  key: (key) => `every token that is signed with the key ${key}, for all users and clients`,
  client: (key) => `every session, grant and token of the client ${key}, for all users`,
  organization: (key) => `every access token in the organization ${key}, for all its members`,
};

export function addRevoke(parent: Command, cli: Cli): void {
  parent
    .command("revoke")
    .description("revoke a session, user, app ..., and say which verifiers enforce it")
    .addArgument(new Argument("<scope>", "what to revoke").choices(NAMES).argParser(parseScope))
    .argument("[key]", "which one; leave it out for issuer; for a pair, the user")
    .argument("[other]", "for a pair: the client, API or organization")
    .option("--subject <user>", "user of a pair, instead of the argument")
    .option("--client <id>", "client of a subject-client pair, instead of the argument")
    .option("--audience <api>", "API of a subject-audience pair, instead of the argument")
    .option("--organization <id>", "organization of a subject-organization pair, instead of the argument")
    .addOption(
      new Option("--mode <mode>", "kill: it is over; stale: the app refreshes its token and goes on")
        .choices(MODES)
        .default("kill"),
    )
    .addOption(new Option("--reason <reason>", "the reason that the app is told").choices(REASONS))
    .option("--note <text>", "why, in your words; kept with the revocation")
    .option(
      "--wait <seconds>",
      "how long to wait for all verifiers, 0 to 30",
      parseWait,
      DEFAULT_WAIT_SECONDS,
    )
    .option("--quorum", "wait for more than half of the verifiers only")
    .option("--foreign", "the key belongs to tokens of another issuer: do not look it up")
    .option("--dry-run", "change nothing, and say what it would end at most")
    .option("--yes", "do not ask before revoking an issuer, audience, organization, client or key")
    .addHelpText("after", EXAMPLES)
    .action(acting(cli, revoke));
}

const EXAMPLES = `
user, app, api, user-app and user-api are other words for subject, client, audience and the pairs of them.
Name a user by sub, username or e-mail address, an app by its client_id, an API by its identifier. If what you name
does not exist, that is an error, and nothing is revoked.
Put a key that begins with - after --, as in: portcullis revoke session -- -t8Vt7mGQf2bqfYkq0hZ0A

Examples:
  portcullis revoke session Vt8Vt7mGQf2bqfYkq0hZ0A --reason kicked
  portcullis revoke user alice --mode stale --note "new role"
  portcullis revoke user-app alice web
  portcullis revoke user-api alice https://api.example.com/payments
  portcullis revoke session 1f0c-their-session --foreign
  portcullis revoke app web --dry-run
  portcullis revoke issuer --reason possible_loss --yes --wait 30

Needs the scope revocations.write. Exit code: 0 if it is enforced, 3 if a verifier may still allow it.`;

/** What people say, and the scope that they mean. */
const WORDS: Readonly<Record<string, Scope>> = {
  user: "subject",
  app: "client",
  api: "audience",
  "user-app": "subject-client",
  "user-api": "subject-audience",
};
const NAMES = [...Object.keys(WORDS), ...SCOPES];

function parseScope(text: string): Scope {
  const scope = Object.hasOwn(WORDS, text) ? WORDS[text] : SCOPES.find((one) => one === text);
  if (scope !== undefined) return scope;
  throw new InvalidArgumentError(`Allowed choices are ${NAMES.join(", ")}.`);
}

async function revoke(session: Session, command: Command): Promise<number> {
  const [scope, key, other] = command.processedArgs as [Scope, string | undefined, string | undefined];
  const options = command.opts<RevokeOptions>();
  const body = bodyOf(scope, keyOf(scope, [key, other], options), options);
  const connect = () => session.connect("writeRevocations");
  const over = await beforeEnding(session, {
    options,
    reach: DANGEROUS[scope]?.(key ?? ""),
    wouldEnd: async () => (await connect()).wouldRevoke(body).catch(explained),
    undone: "Nothing was revoked.",
  });
  if (over !== undefined) return over;
  const answer = await (await connect()).revoke(body, options.wait).catch(explained);
  if (session.json) printJson(session, answer);
  else printAnswer(session, answer, body);
  return answer.state === "pending" ? EXIT.pending : EXIT.ok;
}

/** No answer is not a no. And what the API calls a field is an option here. */
function explained(error: unknown): never {
  if (hasCode(error, "not_found")) throw cliError("not_found", { text: withOption(error), cause: error });
  if (hasCode(error, "refused")) throw cliError("refused", { text: withOption(error), cause: error });
  if (!hasCode(error, "timed_out")) throw error;
  const text = `${error.message} It may be revoked all the same. Repeat the command to be sure.`;
  throw cliError("timed_out", { text, cause: error });
}

const withOption = ({ message }: Error): string => message.replaceAll('"foreign": true', "--foreign");

function bodyOf(scope: Scope, key: ReturnType<typeof keyOf>, options: RevokeOptions) {
  const { mode, reason, note } = options;
  return {
    scope,
    key,
    mode,
    reason,
    note,
    require: options.quorum === true ? "quorum" : undefined,
    foreign: options.foreign,
  };
}

type Arguments = readonly [key: string | undefined, other: string | undefined];

function keyOf(scope: Scope, [key, other]: Arguments, options: RevokeOptions) {
  checkHalves(scope, options);
  if (isPairScope(scope)) return pairOf(scope, [key, other], options);
  if (other !== undefined)
    throw usage(`other: found ${JSON.stringify(other)}; the scope ${scope} takes one key. Leave it out.`);
  if (scope !== "issuer") {
    if (!key) throw usage(`key: found none; say which ${scope} to revoke.`);
    return key;
  }
  if (options.foreign === true) {
    throw usage(
      "--foreign: found with the scope issuer, which covers the tokens of this issuer only. Leave it out.",
    );
  }
  if (key === undefined) return undefined;
  throw usage(
    `key: found ${JSON.stringify(key)}; the scope issuer takes no key: it covers all tokens of the issuer.`,
  );
}

const HALVES: readonly (PairHalf | "subject")[] = ["subject", ...Object.values(PAIR_SCOPES)];

/** Throws for the half of another pair: it would be ignored, and something else revoked than was meant. */
function checkHalves(scope: Scope, options: RevokeOptions): void {
  const own: readonly string[] = isPairScope(scope) ? ["subject", PAIR_SCOPES[scope]] : [];
  const strange = HALVES.find((half) => options[half] !== undefined && !own.includes(half));
  if (strange === undefined) return;
  const instead = isPairScope(scope) ? `Give --subject and --${PAIR_SCOPES[scope]}` : "Give the key itself";
  const scopes = SCOPES.filter(isPairScope).filter(
    (pair) => strange === "subject" || PAIR_SCOPES[pair] === strange,
  );
  throw usage(`--${strange}: found with the scope ${scope}; it belongs to ${scopes.join(", ")}. ${instead}.`);
}

/** Returns the pair, from the two arguments or from the two options. */
function pairOf(scope: PairScope, [key, other]: Arguments, options: RevokeOptions) {
  const half = PAIR_SCOPES[scope];
  const instead = `give the user and the ${WHAT[half]} after ${scope}, or give --subject and --${half}`;
  const hasOptions = options.subject !== undefined || options[half] !== undefined;
  if (hasOptions && key !== undefined) {
    throw usage(`key: found ${JSON.stringify(key)} beside options that say the same: ${instead}.`);
  }
  const [subject, second] = hasOptions ? [options.subject, options[half]] : [key, other];
  if (subject && second) return pairKeyOf(scope, subject, second);
  const found = subject ? "the user alone" : second ? `the ${WHAT[half]} alone` : "none";
  throw usage(`key: found ${found}; the scope ${scope} needs both: ${instead}.`);
}

const WHAT: Readonly<Record<PairHalf, string>> = {
  client: "client",
  audience: "API",
  organization: "organization",
};

function printAnswer(session: Session, answer: RevocationAnswer, asked: Asked): void {
  const { io } = session;
  printReceipt(session, answer, answer.repeated ? "It had ended already" : "Revoked");
  for (const line of [...meantText(answer, asked), ...unknownText(answer, asked)])
    io.stdout.write(`${line}\n`);
  printHowItGoesOn(session, answer);
}

type Asked = ReturnType<typeof bodyOf>;

/** Whom a name was taken for, so that nobody takes one person for another. */
function meantText({ key }: RevocationAnswer, { key: asked }: Asked): string[] {
  const [found, given] = [key, asked].map((one) => (typeof one === "object" ? one.subject : one));
  if (found === undefined || found === given) return [];
  return [`${visible(given ?? "")} is the user with the sub ${visible(found)}.`];
}

function unknownText({ known }: RevocationAnswer, { scope, foreign }: Asked): string[] {
  if (known || foreign === true) return [];
  return [`The server cannot know whether this ${scope} exists. If it does, it is refused now.`];
}
