/** `policies show` and `policies set`: how long sessions and tokens for scripts live, and how many sessions there may be. */
import { changedPolicySchema, policySchema, policySettingsSchema } from "@portcullis/protocol";
import { type Command, InvalidArgumentError } from "commander";
import { z } from "zod";
import { EXIT } from "../exit-codes.ts";
import { visible } from "../print/table.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";
import { usage } from "../settings.ts";
import { sayChanged } from "./apps.ts";
import { addEndingOptions, beforeEnding, type EndingOptions } from "./before-ending.ts";
import { collect } from "./collect.ts";
import { parseWait } from "./numbers.ts";

const DEFAULT_WAIT_SECONDS = 5;
const POLICY = ["--policy <name>", "which policy", "default"] as const;

export function addPolicies(program: Command, cli: Cli): void {
  const policies = program
    .command("policies")
    .description(
      "see and change how long sessions and tokens for scripts live, and how many sessions there may be",
    )
    .helpCommand(false)
    .addHelpText("after", EXAMPLES);
  policies
    .command("show")
    .description("show how long sessions and tokens for scripts live, and how many sessions there may be")
    .option(...POLICY)
    .addHelpText("after", SHOW_HELP)
    .action(acting(cli, show));
  const setting = policies
    .command("set")
    .description("change how long sessions and tokens for scripts live, and how many sessions there may be")
    .argument("[settings...]", "SETTING=VALUE, as in idleSeconds=3600", collectSettings)
    .option("--unset <setting>", "a setting that is to be no more, such as sessionLimit", collect)
    .option(...POLICY)
    .option("--wait <seconds>", "wait so long for all verifiers, 0 to 30", parseWait, DEFAULT_WAIT_SECONDS);
  addEndingOptions(setting, { asks: true }).addHelpText("after", SET_HELP).action(acting(cli, set));
}

const EXAMPLES = `
Examples:
  portcullis policies show
  portcullis policies set idleSeconds=86400 --dry-run

Needs the scope config.read for show, config.write for set.`;

const SHOW_HELP = `
Examples:
  portcullis policies show
  portcullis policies show --json

Needs the scope config.read.`;

interface Described {
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Described>>;
}

/** The settings that the API of this version has, each with its words. */
const SETTINGS = settingsIn(z.toJSONSchema(policySettingsSchema, { io: "input" }) as Described);

function settingsIn({ properties = {} }: Described, above = ""): string[] {
  return Object.entries(properties).flatMap(([name, setting]) => {
    const { description = "", enum: choices = [] } = setting;
    const values = choices.length === 0 ? "" : ` One of ${choices.join(", ")}.`;
    return [`  ${above}${name}\n      ${description}${values}`, ...settingsIn(setting, `${above}${name}.`)];
  });
}

const SET_HELP = `
Settings:
${SETTINGS.join("\n")}

What is not named stays as it is. Sessions that are over by a shorter time end, and that is asked for first. A limit counts for the
sign-ins that follow, and ends nothing by itself.

Examples:
  portcullis policies set idleSeconds=86400 absoluteSeconds=2592000 --dry-run
  portcullis policies set sessionLimit.max=5 sessionLimit.per=user sessionLimit.overflow=replaceOldest
  portcullis policies set --unset sessionLimit

Needs the scope config.write. Ends with 0 when it is enforced, 3 when a verifier may still allow what has ended.`;

interface Setting {
  /** Of its name, part by part. */
  readonly path: readonly string[];
  readonly value: unknown;
}

function collectSettings(text: string, before: readonly Setting[] = []): Setting[] {
  const at = text.indexOf("=");
  if (at > 0 && at < text.length - 1)
    return [...before, { path: text.slice(0, at).split("."), value: parsedValue(text.slice(at + 1)) }];
  throw new InvalidArgumentError("Give it as SETTING=VALUE.");
}

/** A number, a list and the like as JSON has them; everything else is text. What a setting may be, the server says. */
function parsedValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function show(session: Session, command: Command): Promise<number> {
  const { policy: name } = command.opts<{ policy: string }>();
  const api = await session.connect("readConfig");
  // Loose: a server of a later version may have more settings.
  const policy = await api.administer(policySchema.loose(), { path: pathOf(name) });
  if (session.json) printJson(session, policy);
  else {
    const lines = linesOf(policy);
    const width = Math.max(...lines.map(([setting]) => setting.length));
    const texts = lines.map(([setting, value]) => `${setting.padEnd(width)}  ${visible(value)}\n`);
    session.io.stdout.write(texts.join(""));
  }
  return EXIT.ok;
}

const pathOf = (name: string): string => `/policies/${encodeURIComponent(name)}`;

/** Each setting as `set` takes it. */
function linesOf(things: object, above = ""): (readonly [setting: string, value: string])[] {
  return Object.entries(things).flatMap(([name, value]) => {
    if (isObject(value)) return linesOf(value, `${above}${name}.`);
    return [[above + name, typeof value === "string" ? value : JSON.stringify(value)] as const];
  });
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

interface SetOptions extends EndingOptions {
  readonly policy: string;
  readonly unset?: readonly string[];
  readonly wait: number;
}

async function set(session: Session, command: Command): Promise<number> {
  const [settings = []] = command.processedArgs as [Setting[] | undefined];
  const options = command.opts<SetOptions>();
  const body = patchOf(settings, options.unset ?? []);
  if (Object.keys(body).length === 0) throw usage("[settings...]: found none; give one, or --unset one.");
  const api = await session.connect("writeConfig");
  const path = pathOf(options.policy);
  const call = { method: "PATCH", path, body, waitSeconds: options.wait } as const;
  const reach = "sessions that are over by the shorter times, of all users";
  const wouldEnd = () => api.tryOut(call);
  const over = await beforeEnding(session, { options, reach, wouldEnd, mayEndNothing: true });
  if (over !== undefined) return over;
  const changed = await api.administer(changedPolicySchema.loose(), call);
  return sayChanged(session, changed, `Changed: the policy ${visible(changed.name)}.`);
}

/** As a merge patch (RFC 7396). */
function patchOf(settings: readonly Setting[], unset: readonly string[]): object {
  const removed = unset.map((name) => ({ path: name.split("."), value: null }));
  return [...settings, ...removed].reduce<object>(
    (patch, { path, value }) => withValue(patch, path, value),
    {},
  );
}

function withValue(patch: object, [name, ...below]: readonly string[], value: unknown): object {
  if (below.length === 0) return { ...patch, [name!]: value };
  const part = new Map(Object.entries(patch)).get(name!);
  return { ...patch, [name!]: withValue(isObject(part) ? part : {}, below, value) };
}
