import { readFileSync } from "node:fs";
import { isLoopback } from "@portcullis/protocol";
import { cliError } from "./errors.ts";
import type { Io } from "./io.ts";
import type { Login, StoredLogins } from "./login/stored-logins.ts";

/** Options that every verb has, as commander gives them. */
export interface GlobalOptions {
  readonly issuer?: string;
  readonly clientId?: string;
  readonly clientSecretFile?: string;
  readonly insecure?: boolean;
  readonly json?: boolean;
  readonly color: boolean;
  /** Seconds. */
  readonly timeout: number;
}

/** Which issuer is asked, and how. */
export interface AskingSettings {
  /** As given, which is what metadata and tokens must repeat. */
  readonly issuer: string;
  /** Whether plain HTTP may go to another machine. */
  readonly insecure: boolean;
  readonly timeoutMs: number;
}

export interface Settings extends AskingSettings {
  /** That is acted as. Undefined: a person has signed in. */
  readonly client?: { readonly id: string; readonly secret: string };
  readonly login?: Login;
}

type World = Pick<Io, "env">;
type Logins = Pick<StoredLogins, "read" | "all">;

/** A client that is given counts more than a sign-in: scripts must not change with who has signed in on the machine. */
export function settingsOf(options: GlobalOptions, { env }: World, logins: Logins): Settings {
  const id = options.clientId ?? env.PORTCULLIS_CLIENT_ID;
  const givesClient = Boolean(id || options.clientSecretFile || env.PORTCULLIS_CLIENT_SECRET);
  const asking = askingSettingsOf(options, { env }, givesClient ? undefined : logins);
  if (!givesClient) return { ...asking, login: loginAt(asking.issuer, logins) };
  const given = id || missing("--client-id", "the client to act as", "PORTCULLIS_CLIENT_ID");
  return { ...asking, client: { id: given, secret: secretOf(options, env) } };
}

/** Without an issuer, it is the one at which somebody has signed in, if that is one alone. */
export function askingSettingsOf(options: GlobalOptions, { env }: World, logins?: Logins): AskingSettings {
  const issuer = options.issuer ?? env.PORTCULLIS_ISSUER ?? onlyIssuerIn(logins?.all() ?? []);
  return {
    issuer: checkedIssuer(issuer, options),
    insecure: options.insecure ?? false,
    timeoutMs: options.timeout * 1000,
  };
}

function onlyIssuerIn(logins: readonly Login[]): string | undefined {
  if (logins.length < 2) return logins[0]?.issuer;
  const issuers = logins.map(({ issuer }) => issuer).join(", ");
  throw usage(`--issuer: found none, and you are signed in at ${issuers}. Give one of them.`);
}

function loginAt(issuer: string, logins: Logins): Login {
  const login = logins.read(issuer);
  if (login !== undefined) return login;
  throw usage(
    `--client-id: found none, and you are not signed in at ${issuer}. Sign in (portcullis login --issuer ${issuer}), or give the client to act as (--client-id, or PORTCULLIS_CLIENT_ID).`,
  );
}

function checkedIssuer(text: string | undefined, { insecure = false }: GlobalOptions): string {
  if (!text) return missing("--issuer", "the URL of the authorization server", "PORTCULLIS_ISSUER");
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url?.protocol === "http:";
  if (isPlain && !insecure && !isLoopback(url.hostname)) {
    throw usage(
      `--issuer: found ${text}, where the client's secret would travel unencrypted. Give an https URL, or add --insecure if the network is safe.`,
    );
  }
  if (url === undefined || !(isPlain || url.protocol === "https:") || url.search !== "" || url.hash !== "") {
    throw usage(`--issuer: found ${JSON.stringify(text)}; give a URL such as https://login.example.com.`);
  }
  return text;
}

/** Never an argument: those are for everybody on the machine to see. */
function secretOf({ clientSecretFile: file }: GlobalOptions, env: Io["env"]): string {
  if (file === undefined) {
    const hint =
      "PORTCULLIS_CLIENT_SECRET: found none; set it to the client's secret, or give --client-secret-file.";
    if (!env.PORTCULLIS_CLIENT_SECRET) throw usage(hint);
    return env.PORTCULLIS_CLIENT_SECRET;
  }
  const secret = readSecret(file).replace(/\r?\n$/, "");
  if (secret === "")
    throw usage(`--client-secret-file: ${file} is empty. Write the client's secret into it.`);
  return secret;
}

function readSecret(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw usage(
      `--client-secret-file: ${file} cannot be read (${(error as NodeJS.ErrnoException).code}). Check its path and its permissions.`,
    );
  }
}

function missing(flag: string, what: string, variable: string): never {
  throw usage(`${flag}: found none; give ${what}, or set ${variable}.`);
}

export const usage = (text: string) => cliError("usage", { text });
