import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseDocument } from "yaml";
import type { z } from "zod";
import { gatewayError } from "../errors.ts";
import { checkRules, type Problem } from "./check-rules.ts";
import type { Configuration } from "./configuration.ts";
import { resolveConfiguration } from "./resolve-configuration.ts";
import { configurationSchema } from "./schema.ts";

/** Reads the file and gives the frozen configuration, or throws `configuration_invalid` with every problem. */
export function loadConfiguration(file: string): Configuration {
  return parseConfiguration(readText(file, file), dirname(resolve(file)));
}

/** `directory` is what relative file names in the text are relative to. */
export function parseConfiguration(text: string, directory: string): Configuration {
  const parsed = configurationSchema.safeParse(parseYaml(text), { reportInput: true });
  if (!parsed.success) throw invalid(parsed.error.issues.flatMap(problemsOf));
  const problems = checkRules(parsed.data);
  if (problems.length > 0) throw invalid(problems);
  const { clientSecret, clientSecretFile } = parsed.data.verifier;
  const secret =
    clientSecret ?? readText(resolve(directory, clientSecretFile!), "verifier.clientSecretFile").trim();
  if (secret === "") throw invalid([{ path: "verifier.clientSecretFile", message: "the file is empty" }]);
  return resolveConfiguration(parsed.data, { directory, clientSecret: secret });
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
  return gatewayError("configuration_invalid", {
    text: [`The configuration has ${count(problems.length)}:`, ...lines].join("\n"),
  });
}

const count = (problems: number): string => (problems === 1 ? "a problem" : `${problems} problems`);

type Issue = z.core.$ZodIssue;

function problemsOf(issue: Issue): Problem[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      path: dotted([...issue.path, key]),
      message: "is not a setting; remove it or check the spelling",
    }));
  }
  const path = dotted(issue.path);
  return [
    { path: path === "" ? "(the file)" : path, message: `${found(path, issue.input)}; ${issue.message}` },
  ];
}

function dotted(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    return text === "" ? String(part) : `${text}.${String(part)}`;
  }, "");
}

/** A secret of the wrong form is still a secret. */
function found(path: string, input: unknown): string {
  if (input === undefined) return "found nothing";
  if (/secret/i.test(path) && !/file/i.test(path)) return "found a value that is not shown";
  const json = JSON.stringify(input) ?? String(input);
  return `found ${json.length > 60 ? `${json.slice(0, 60)}...` : json}`;
}
