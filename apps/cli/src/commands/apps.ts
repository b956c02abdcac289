/** `apps list|show|create|update|delete`. Disabling and enabling is in change-state.ts, secrets in apps-secrets.ts. */
import { readFile } from "node:fs/promises";
import {
  APP_TYPES,
  type App,
  appListSchema,
  appSchema,
  type ChangedApp,
  CLIENT_AUTHENTICATIONS,
  changedAppSchema,
  createdAppSchema,
  deletedAppSchema,
  GRANT_TYPES,
  SIGNING_ALGORITHMS,
} from "@portcullis/protocol";
import { type Command, InvalidArgumentError, Option } from "commander";
import { EXIT } from "../exit-codes.ts";
import { membersText } from "../print/members.ts";
import { type Column, tableOf, visible } from "../print/table.ts";
import { dateTime } from "../print/times.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";
import { usage } from "../settings.ts";
import { addEndingOptions, beforeEnding, type EndingOptions } from "./before-ending.ts";
import { collect, collectIdentified, parseSeconds } from "./collect.ts";
import { parseWait } from "./numbers.ts";
import { printHowItGoesOn, printReceipt } from "./print-receipt.ts";
import { printWarning } from "./print-signing-now.ts";

const DEFAULT_WAIT_SECONDS = 5;

export function addApps(parent: Command, cli: Cli): void {
  addList(parent, cli);
  addShow(parent, cli);
  addCreate(parent, cli);
  addUpdate(parent, cli);
  addDelete(parent, cli);
}

export const pathOfApp = (clientId: string): string => `/apps/${encodeURIComponent(clientId)}`;

function addList(parent: Command, cli: Cli): void {
  parent
    .command("list")
    .description("list the apps")
    .addOption(new Option("--type <type>", "only apps of this type").choices(APP_TYPES))
    .option("--name <text>", "only apps whose name begins so")
    .option("--disabled", "only those that are disabled")
    .addHelpText(
      "after",
      `
Examples:
  portcullis apps list
  portcullis apps list --type spa --json

Needs the scope apps.read.`,
    )
    .action(acting(cli, list));
}

async function list(session: Session, command: Command): Promise<number> {
  const { type, name, disabled } = command.opts<{ type?: string; name?: string; disabled?: boolean }>();
  const api = await session.connect("readApps");
  const query = { type, name, enabled: disabled ? "false" : undefined };
  const items: App[] = await api.everyPage(appListSchema, { path: "/apps", query });
  if (session.json) printJson(session, { items });
  else session.io.stdout.write(tableOf(COLUMNS, items, session.width));
  return EXIT.ok;
}

const COLUMNS: readonly Column<App>[] = [
  { title: "CLIENT ID", value: ({ clientId }) => clientId },
  { title: "NAME", value: ({ name }) => name, least: 12 },
  { title: "TYPE", value: ({ type }) => type },
  { title: "STATUS", value: ({ enabled }) => (enabled ? "enabled" : "disabled") },
  { title: "APIS", value: ({ apis }) => Object.keys(apis).join(" ") || "-", least: 12 },
];

function addShow(parent: Command, cli: Cli): void {
  parent
    .command("show")
    .description("show an app and all its settings")
    .argument("<client-id>", "the client_id of the app")
    .addHelpText(
      "after",
      `
Examples:
  portcullis apps show mail

Needs the scope apps.read.`,
    )
    .action(acting(cli, show));
}

async function show(session: Session, command: Command): Promise<number> {
  const [clientId] = command.processedArgs as [string];
  const api = await session.connect("readApps");
  const app = await api.administer(appSchema, { path: pathOfApp(clientId) });
  if (session.json) printJson(session, app);
  else session.io.stdout.write(appText(app));
  return EXIT.ok;
}

const appText = (app: App): string =>
  membersText({
    "client id": app.clientId,
    name: app.name,
    type: app.type,
    status: app.enabled ? "enabled" : "disabled",
    authentication: app.clientAuthentication,
    keys: app.jwksUri ?? keysText(app),
    grants: app.grantTypes.join(" "),
    "redirect URIs": app.redirectUris.join(" "),
    "after logout": app.postLogoutRedirectUris.join(" "),
    APIs: Object.entries(app.apis)
      .map(([identifier, scopes]) => `${identifier} (${scopes.join(" ")})`)
      .join(", "),
    "default API": app.defaultApi,
    "optional scopes": app.optionalScopes.join(" ") || undefined,
    "first party": app.firstParty ? "yes" : undefined,
    "userinfo with API token": app.userinfoWithApiToken ? "yes" : undefined,
    "sign-in by JSON": app.jsonSignIn ? "yes" : undefined,
    PKCE: app.requirePkce ? "required" : "not required",
    "access tokens": secondsText(app.accessTokenTtlSeconds),
    "refresh idle": secondsText(app.refreshTokenIdleSeconds),
    "refresh in all": secondsText(app.refreshTokenAbsoluteSeconds),
    "session idle": secondsText(app.sessionIdleSeconds),
    "session in all": secondsText(app.sessionAbsoluteSeconds),
    "ID tokens signed": app.idTokenAlgorithm,
    "told of logouts at": app.backchannelLogoutUri,
    "told in the browser": app.frontchannelLogoutUri,
    "told with sid": app.frontchannelLogoutUri && (app.frontchannelLogoutSessionRequired ? "yes" : "no"),
    "asks about any token": app.introspectsAnyToken ? "yes" : undefined,
    "sessions of a user": app.sessionLimit && `${app.sessionLimit.max} (${app.sessionLimit.overflow})`,
    created: dateTime(app.createdAt),
    changed: dateTime(app.changedAt),
  });

const keysText = ({ jwks }: App): string | undefined =>
  jwks?.keys.map(({ kid, kty }) => kid ?? `(${kty} without kid)`).join(" ");

const secondsText = (seconds: number | undefined): string | undefined =>
  seconds === undefined ? undefined : `${seconds} s`;

interface SettingOptions {
  readonly name?: string;
  readonly redirectUri?: string[];
  readonly postLogoutRedirectUri?: string[];
  readonly grant?: string[];
  readonly api?: Record<string, string>;
  readonly removeApi?: string[];
  readonly defaultApi?: string;
  readonly optionalScope?: string[];
  readonly firstParty?: boolean;
  readonly jsonSignIn?: boolean;
  readonly pkce?: boolean;
  readonly userinfoWithApiToken?: boolean;
  readonly jwks?: string;
  readonly jwksUri?: string;
  readonly accessTokenTtl?: number;
  readonly refreshIdle?: number;
  readonly refreshAbsolute?: number;
  readonly sessionIdle?: number;
  readonly sessionAbsolute?: number;
  readonly sessionLimit?: object;
  readonly backchannelLogoutUri?: string;
  readonly idTokenAlgorithm?: string;
  readonly frontchannelLogoutUri?: string;
  readonly frontchannelLogoutSession?: boolean;
}

const withSettings = (command: Command): Command =>
  command
    .option("--redirect-uri <url>", "where codes may be sent; more than once for more", collect)
    .option("--post-logout-redirect-uri <url>", "where a browser may be sent after a logout", collect)
    .option("--grant <type>", "how it may get tokens; more than once for more", collect)
    .option("--api <identifier=scopes>", "an API, and the scopes there, with commas", collectIdentified)
    .option("--jwks <file>", "its public keys, a JWK Set, with private_key_jwt")
    .option("--jwks-uri <url>", "where it publishes them, in place of --jwks")
    .option("--default-api <identifier>", "what a request without resource gets a token for")
    .option("--optional-scope <scope>", "what users may untick; more than once for more", collect)
    .option("--access-token-ttl <seconds>", "lifetime of its access tokens", parseSeconds)
    .option("--refresh-idle <seconds>", "how long a refresh token may stay unused", parseSeconds)
    .option("--refresh-absolute <seconds>", "how long tokens may be refreshed after a sign-in", parseSeconds)
    .option("--session-idle <seconds>", "how long it may be unused in a session", parseSeconds)
    .option("--session-absolute <seconds>", "how long it may go on after a sign-in", parseSeconds)
    .option("--frontchannel-logout-uri <url>", "its page that a browser loads when the user signs out")
    .option("--frontchannel-logout-session", "that page is given iss and sid, which is so by default")
    .option("--no-frontchannel-logout-session", "it is not")
    .option("--session-limit <max=overflow>", "in how many sessions of a user it may be", parseLimit)
    .option("--backchannel-logout-uri <url>", "where it is told that a session is over, server to server")
    .addOption(
      new Option("--id-token-algorithm <name>", "what its ID tokens are signed with").choices(
        SIGNING_ALGORITHMS,
      ),
    );

/** As in `3=ask`. */
function parseLimit(text: string): { readonly max: number; readonly overflow: string } {
  const [max, overflow] = text.split("=");
  if (/^\d+$/.test(max ?? "") && overflow !== undefined) return { max: Number(max), overflow };
  throw new InvalidArgumentError("Found no <max>=<overflow>, as in 3=replaceOldest, 3=refuse or 3=ask.");
}

/** Only what was said: what is undefined is left as it is. */
const settingsFrom = async (options: SettingOptions) => ({
  name: options.name,
  jwks: options.jwks === undefined ? undefined : await keysIn(options.jwks),
  jwksUri: options.jwksUri,
  redirectUris: options.redirectUri,
  postLogoutRedirectUris: options.postLogoutRedirectUri,
  grantTypes: options.grant,
  apis: apisFrom(options),
  defaultApi: options.defaultApi,
  optionalScopes: options.optionalScope,
  firstParty: options.firstParty,
  userinfoWithApiToken: options.userinfoWithApiToken,
  jsonSignIn: options.jsonSignIn,
  accessTokenTtlSeconds: options.accessTokenTtl,
  refreshTokenIdleSeconds: options.refreshIdle,
  refreshTokenAbsoluteSeconds: options.refreshAbsolute,
  sessionIdleSeconds: options.sessionIdle,
  sessionAbsoluteSeconds: options.sessionAbsolute,
  sessionLimit: options.sessionLimit,
  backchannelLogoutUri: options.backchannelLogoutUri,
  idTokenAlgorithm: options.idTokenAlgorithm,
  frontchannelLogoutUri: options.frontchannelLogoutUri,
  frontchannelLogoutSessionRequired: options.frontchannelLogoutSession,
});

/** What is wrong with it says the server. */
async function keysIn(file: string): Promise<unknown> {
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw usage(`--jwks: cannot read ${file} (${cause.code}).`);
  });
  try {
    return JSON.parse(text);
  } catch {
    throw usage(`--jwks: ${file} is no JSON. It must hold a JWK Set: {"keys": [...]}.`);
  }
}

function apisFrom({ api, removeApi = [] }: SettingOptions) {
  if (api === undefined && removeApi.length === 0) return undefined;
  const given = Object.entries(api ?? {}).map(
    ([identifier, scopes]) => [identifier, scopes.split(",")] as const,
  );
  return Object.fromEntries([...given, ...removeApi.map((identifier) => [identifier, null] as const)]);
}

function addCreate(parent: Command, cli: Cli): void {
  const command = parent
    .command("create")
    .description("create an app; one that can keep a secret gets its first")
    .argument("[client-id]", "its name in the protocol; without it one is made")
    .requiredOption("--name <text>", "name that users see")
    .addOption(new Option("--type <type>", "where it runs").choices(APP_TYPES).makeOptionMandatory())
    .addOption(
      new Option(
        "--auth <method>",
        "how it proves who it is; by default by a secret, if it can keep one",
      ).choices(CLIENT_AUTHENTICATIONS),
    );
  withSettings(command)
    .option("--first-party", "the operator's own app: users are not asked for consent")
    .option("--json-sign-in", "it signs people in with a form of its own; needs --first-party")
    .option("--no-pkce", "it may go without PKCE, with a nonce; only for an app with a secret")
    .option("--userinfo-with-api-token", "its tokens for an API open /userinfo too")
    .addHelpText(
      "after",
      `
web runs on a server, spa in a browser, native on the user's own device, service acts for itself. The secret is
printed once: only its hash is stored. Grants: ${GRANT_TYPES.join(", ")}.

Examples:
  portcullis apps create mail --type spa --name Mail --redirect-uri https://mail.example/callback \\
    --api https://orders.example=orders.read,orders.write
  portcullis apps create nightly --type service --name "Nightly job" --api https://orders.example=orders.read
  portcullis apps create bank --type service --name Bank --api https://orders.example=orders.read \\
    --auth private_key_jwt --jwks-uri https://bank.example/jwks.json

Needs the scope apps.write.`,
    )
    .action(acting(cli, create));
}

async function create(session: Session, command: Command): Promise<number> {
  const [clientId] = command.processedArgs as [string | undefined];
  const options = command.opts<SettingOptions & { type: string; auth?: string }>();
  const { type, auth: clientAuthentication } = options;
  const requirePkce = options.pkce === false ? false : undefined;
  const settings = await settingsFrom(options);
  const body = { clientId, type, clientAuthentication, requirePkce, ...settings };
  const api = await session.connect("writeApps");
  const app = await api.administer(createdAppSchema, { method: "POST", path: "/apps", body });
  if (session.json) printJson(session, app);
  else {
    session.io.stdout.write(`Created: ${visible(app.clientId)}.\n`);
    printWarning(session, app.warning);
    if (app.clientSecret !== undefined) session.io.stdout.write(`${secretText(app.clientSecret)}\n`);
  }
  return EXIT.ok;
}

export const secretText = (secret: string): string =>
  `Its secret, which is shown now and never again:\n${secret}`;

function addUpdate(parent: Command, cli: Cli): void {
  const command = parent
    .command("update")
    .description("change settings of an app")
    .argument("<client-id>", "the client_id of the app")
    .option("--name <text>", "name that users see");
  withSettings(command)
    .option("--remove-api <identifier>", "an API that it may use no more", collect)
    .option("--first-party", "the operator's own app: users are not asked for consent")
    .option("--no-first-party", "its users are asked; what it was given without asking ends")
    .option("--json-sign-in", "it may sign people in with a form of its own; needs --first-party")
    .option("--no-json-sign-in", "its users sign in on the pages of the server")
    .option("--pkce", "it must use PKCE")
    .option("--no-pkce", "it may go without PKCE, with a nonce; only for an app with a secret")
    .option("--userinfo-with-api-token", "its tokens for an API open /userinfo too")
    .option("--no-userinfo-with-api-token", "they open nothing but the API")
    .option(
      "--unset <setting>",
      "defaultApi, optionalScopes, accessTokenTtlSeconds, refreshTokenIdleSeconds ...",
      collect,
    )
    .option("--wait <seconds>", "wait so long for all verifiers, 0 to 30", parseWait, DEFAULT_WAIT_SECONDS);
  addEndingOptions(command, { asks: true })
    .addHelpText(
      "after",
      `
What is not named stays as it is. A list that is given (--redirect-uri, --grant, --optional-scope) takes the place of the
one before; --api adds an API, or takes the place of its scopes. A permission that is taken away makes the app's tokens
stale: the next refresh goes without it; that is asked for first. A name or an address ends nothing, and nobody is asked.

Examples:
  portcullis apps update mail --name "Mail for all" --access-token-ttl 120
  portcullis apps update mail --api https://orders.example=orders.read,orders.write --unset defaultApi
  portcullis apps update mail --id-token-algorithm RS256
  portcullis apps update mail --optional-scope email --optional-scope orders.write
  portcullis apps update mail --remove-api https://orders.example --dry-run

Needs the scope apps.write. Ends with 0 when it is enforced, 3 when a verifier may still allow what has ended.`,
    )
    .action(acting(cli, update));
}

async function update(session: Session, command: Command): Promise<number> {
  const [clientId] = command.processedArgs as [string];
  const options = command.opts<SettingOptions & EndingOptions & { unset?: string[]; wait: number }>();
  const unset = Object.fromEntries((options.unset ?? []).map((setting) => [setting, null]));
  const body = {
    ...(await settingsFrom(options)),
    ...otherKeysGone(options),
    requirePkce: options.pkce,
    ...unset,
  };
  const api = await session.connect("writeApps");
  const call = { method: "PATCH", path: pathOfApp(clientId), body, waitSeconds: options.wait } as const;
  const reach = `grants and tokens of the app ${visible(clientId)}, for all users`;
  const wouldEnd = () => api.tryOut(call);
  const over = await beforeEnding(session, { options, reach, wouldEnd, mayEndNothing: true });
  if (over !== undefined) return over;
  const app = await api.administer(changedAppSchema, call);
  return sayChanged(session, app, `Changed: ${visible(app.clientId)}, now at revision ${app.revision}.`);
}

/** Keys in the one place take the place of those in the other. */
function otherKeysGone({ jwks, jwksUri }: SettingOptions) {
  if (jwks !== undefined && jwksUri === undefined) return { jwksUri: null };
  return jwksUri !== undefined && jwks === undefined ? { jwks: null } : {};
}

type Changed = Pick<ChangedApp, "receipt" | "warning">;

export function sayChanged(session: Session, changed: Changed, text: string): number {
  const { receipt, warning } = changed;
  if (session.json) printJson(session, changed);
  else {
    session.io.stdout.write(`${text}\n`);
    printWarning(session, warning);
    if (receipt !== undefined) {
      printReceipt(session, receipt, "Revoked");
      printHowItGoesOn(session, receipt);
    }
  }
  return receipt?.state === "pending" ? EXIT.pending : EXIT.ok;
}

function addDelete(parent: Command, cli: Cli): void {
  const deleting = parent
    .command("delete")
    .description("delete an app, and end all that it has")
    .argument("<client-id>", "the client_id of the app")
    .option("--wait <seconds>", "wait so long for all verifiers, 0 to 30", parseWait, DEFAULT_WAIT_SECONDS);
  addEndingOptions(deleting, { asks: true })
    .addHelpText(
      "after",
      `
Every grant, refresh token and access token that it has ends. Its client_id is never given again, and its users still
see what they had allowed it. An app cannot delete itself.

Examples:
  portcullis apps delete mail --dry-run
  portcullis apps delete mail

Needs the scope apps.write. Ends with 0 when it is enforced, 3 when a verifier may still allow it.`,
    )
    .action(acting(cli, remove));
}

async function remove(session: Session, command: Command): Promise<number> {
  const [clientId] = command.processedArgs as [string];
  const { wait, ...options } = command.opts<EndingOptions & { wait: number }>();
  const api = await session.connect("writeApps");
  const call = { method: "DELETE", path: pathOfApp(clientId), waitSeconds: wait } as const;
  const reach = `the app ${visible(clientId)}, with every grant and token of it, for all users`;
  const over = await beforeEnding(session, { options, reach, wouldEnd: () => api.tryOut(call) });
  if (over !== undefined) return over;
  const deleted = await api.administer(deletedAppSchema, call);
  return sayChanged(session, deleted, `Deleted: ${visible(deleted.clientId)}.`);
}
