import { readFileSync } from "node:fs";
import { isLoopback } from "@portcullis/protocol";
import { cliError } from "./errors.ts";
import type { Io } from "./io.ts";

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

export interface Settings {
  /** As given, which is what metadata and tokens must repeat. */
  readonly issuer: string;
  /** Whether plain HTTP may go to another machine. */
  readonly insecure: boolean;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly timeoutMs: number;
}

export function settingsOf(options: GlobalOptions, { env }: Pick<Io, "env">): Settings {
  const issuer = options.issuer ?? env.PORTCULLIS_ISSUER;
  const clientId = options.clientId ?? env.PORTCULLIS_CLIENT_ID;
  return {
    issuer: checkedIssuer(issuer, options),
    insecure: options.insecure ?? false,
    clientId: clientId || missing("--client-id", "the client to act as", "PORTCULLIS_CLIENT_ID"),
    clientSecret: secretOf(options, env),
    timeoutMs: options.timeout * 1000,
  };
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
