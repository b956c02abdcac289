import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseDocument } from "yaml";
import type { z } from "zod";
import { relayError } from "../errors.ts";
import { configurationSchema, type WrittenConfiguration } from "./schema.ts";

/** The relay's settings: resolved, complete, frozen. */
export interface Configuration {
  readonly issuer: string;
  readonly audience: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly name: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly leaseMs: number;
  /** Undefined: where the issuer says. */
  readonly upstream: string | undefined;
  readonly limits: { readonly leasesPerClient: number; readonly streamsPerClient: number };
}

interface Problem {
  /** Dotted path in the file. */
  readonly path: string;
  readonly message: string;
}

/** Reads the file and gives the frozen configuration, or throws `configuration_invalid` with every problem. */
export function loadConfiguration(file: string): Configuration {
  return parseConfiguration(readText(file, file), dirname(resolve(file)));
}

/** `directory` is what relative file names in the text are relative to. */
export function parseConfiguration(text: string, directory: string): Configuration {
  const parsed = configurationSchema.safeParse(parseYaml(text), { reportInput: true });
  if (!parsed.success) throw invalid(parsed.error.issues.flatMap(problemsOf));
  return resolveConfiguration(parsed.data, secretOf(parsed.data, directory));
}

function resolveConfiguration(written: WrittenConfiguration, clientSecret: string): Configuration {
  const { issuer, audience, clientId, name, leaseMs, upstream } = written;
  return Object.freeze({
    issuer,
    audience: audience ?? `${issuer}/api`,
    clientId,
    clientSecret,
    name,
    leaseMs,
    upstream,
    listen: Object.freeze(written.listen),
    limits: Object.freeze(written.limits),
  });
}

function secretOf({ clientSecret, clientSecretFile }: WrittenConfiguration, directory: string): string {
  if ((clientSecret === undefined) === (clientSecretFile === undefined)) {
    const found = clientSecret === undefined ? "neither" : "both";
    throw invalid([
      { path: "clientSecret", message: `found ${found}; set either clientSecret or clientSecretFile` },
    ]);
  }
  const secret = clientSecret ?? readText(resolve(directory, clientSecretFile!), "clientSecretFile").trim();
  if (secret === "") throw invalid([{ path: "clientSecretFile", message: "the file is empty" }]);
  return secret;
}

function readText(file: string, path: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw invalid([{ path, message: `cannot be read: ${reason}` }]);
  }
}

function parseYaml(text: string): unknown {
  const document = parseDocument(text, { uniqueKeys: true, prettyErrors: true });
  const problems = [...document.errors, ...document.warnings].map(({ linePos, message }) => ({
    path: `line ${linePos?.[0].line ?? 1}`,
    message: message.split("\n")[0]!,
  }));
  if (problems.length > 0) throw invalid(problems);
  return document.toJS();
}

function invalid(problems: readonly Problem[]) {
  const lines = problems.map(({ path, message }) => `  ${path}: ${message}`);
  const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
  return relayError("configuration_invalid", {
    text: [`The configuration has ${count}:`, ...lines].join("\n"),
  });
}

function problemsOf(issue: z.core.$ZodIssue): Problem[] {
  const path = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      path: path === "" ? key : `${path}.${key}`,
      message: "is not a setting; remove it or check the spelling",
    }));
  }
  const message = `${found(path, issue.input)}; ${issue.message}`;
  return [{ path: path === "" ? "(the file)" : path, message }];
}

/** A secret of the wrong form is still a secret. */
function found(path: string, input: unknown): string {
  if (input === undefined) return "found nothing";
  if (path === "" || path === "clientSecret") return "found a value that is not shown";
  const json = JSON.stringify(input) ?? String(input);
  return `found ${json.length > 60 ? `${json.slice(0, 60)}...` : json}`;
}
