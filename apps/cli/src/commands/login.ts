import { beginSignIn, type PersonTokens } from "@portcullis/issuer";
import { API_SCOPES, COMMAND_CLIENT_ID } from "@portcullis/protocol";
import { type Command, InvalidArgumentError } from "commander";
import { discover, type Issuer, signInSettingsOf } from "../api/discover.ts";
import { sayingItHere } from "../api/issuer-failure.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { type Answered, type Loopback, openLoopback } from "../login/loopback.ts";
import type { Login } from "../login/stored-logins.ts";
import { visible } from "../print/table.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";

const DEFAULT_WAIT_SECONDS = 300;
const MAX_WAIT_SECONDS = 3600;
const IDENTITY_SCOPES = ["openid", "profile"];

export function addLogin(parent: Command, cli: Cli): void {
  parent
    .command("login")
    .description("sign in with your own account, in the browser")
    .option("--no-browser", "only print the address, and open nothing")
    .option("--wait <seconds>", "how long to wait for you", parseWaiting, DEFAULT_WAIT_SECONDS)
    .addHelpText("after", EXAMPLES)
    .action(acting(cli, login));
}

const EXAMPLES = `
The commands after it act as you, at that issuer, until portcullis logout, or until your session ends. Your account must
be an administrator's. The browser must be on this machine. Tokens are kept in the folder portcullis/logins of
$XDG_CONFIG_HOME (or ~/.config), for you alone.

A client that is given (--client-id, PORTCULLIS_CLIENT_ID) counts more than a sign-in.

Examples:
  portcullis login --issuer https://login.example.com
  portcullis users disable alice
  portcullis logout

Needs the account of an administrator, and no client.`;

function parseWaiting(text: string): number {
  const seconds = Number(text);
  if (seconds > 0 && seconds <= MAX_WAIT_SECONDS) return seconds;
  throw new InvalidArgumentError(`Give seconds, more than 0 and at most ${MAX_WAIT_SECONDS}.`);
}

interface LoginOptions {
  readonly browser: boolean;
  readonly wait: number;
}

async function login(session: Session, command: Command): Promise<number> {
  const { settings, sending } = session.asking();
  const options = command.opts<LoginOptions>();
  const issuer = await discover(settings, sending);
  const loopback = await openLoopback();
  try {
    const signedIn = await signInThrough(session, loopback, { issuer, options });
    await session.logins.locked(settings.issuer, async () => session.logins.write(signedIn));
    tell(session, signedIn);
    return EXIT.ok;
  } finally {
    loopback.close();
  }
}

interface Through {
  readonly issuer: Issuer;
  readonly options: LoginOptions;
}

async function signInThrough(
  session: Session,
  loopback: Loopback,
  { issuer, options }: Through,
): Promise<Login> {
  const { settings, sending } = session.asking();
  const begun = await sayingItHere(() =>
    beginSignIn({
      ...signInSettingsOf(issuer, sending),
      redirectUri: loopback.redirectUri,
      scopes: [...IDENTITY_SCOPES, ...Object.values(API_SCOPES)],
      resource: issuer.apiResource,
    }),
  );
  const answering = loopback.answer(begun.isAnswer);
  lead(session, begun.url, options);
  const answered = await within(session, answering, options.wait);
  const askedAt = session.io.now();
  const tokens = await sayingItHere(() => begun.redeem(answered.url)).catch((error: unknown) => {
    answered.show({
      title: "You are not signed in",
      text: error instanceof Error ? error.message : String(error),
    });
    throw error;
  });
  return loginOf(tokens, { issuer: settings.issuer, askedAt, answered });
}

/** On standard error: what is on standard output is what the command is for. */
function lead({ io }: Session, url: URL, { browser }: LoginOptions): void {
  const opens = browser && io.openBrowser?.(url) === true;
  io.stderr.write(
    `${opens ? "Your browser opens. If it does not, open" : "Open"} this address to sign in:\n\n  ${url.href}\n\n`,
  );
}

async function within({ io }: Session, answering: Promise<Answered>, seconds: number): Promise<Answered> {
  const over = new AbortController();
  const waited = io.delay(seconds * 1000, AbortSignal.any([io.signal, over.signal])).then(() => undefined);
  const answered = await Promise.race([answering, waited]);
  over.abort();
  io.signal.throwIfAborted();
  if (answered !== undefined) return answered;
  throw cliError("timed_out", {
    text: `Nobody has signed in within ${seconds} s. Run portcullis login again; --wait gives more time.`,
  });
}

interface Circumstances {
  readonly issuer: string;
  readonly askedAt: number;
  readonly answered: Answered;
}

function loginOf(
  { accessToken, expiresInSeconds, refreshToken, claims }: PersonTokens,
  { issuer, askedAt, answered }: Circumstances,
): Login {
  const subject = claims?.sub;
  if (refreshToken === undefined || typeof subject !== "string") {
    answered.show({ title: "You are not signed in", text: "The server's answer cannot be used." });
    throw cliError("unreadable_answer", {
      text: `${issuer} gave no refresh token, or did not say who signed in.`,
    });
  }
  const name = claims?.preferred_username;
  const username = typeof name === "string" ? name : subject;
  answered.show({ title: "You are signed in", text: "Go back to the terminal. This window can be closed." });
  return {
    issuer,
    clientId: COMMAND_CLIENT_ID,
    subject,
    username,
    accessToken,
    expiresAt: askedAt + expiresInSeconds * 1000,
    refreshToken,
  };
}

function tell(session: Session, { issuer, subject, username }: Login): void {
  if (session.json) printJson(session, { issuer, sub: subject, username });
  else session.io.stdout.write(`Signed in at ${issuer} as ${visible(username)}.\n`);
}
