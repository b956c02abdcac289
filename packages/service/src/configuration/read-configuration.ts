/** Reads, once, all that a process is configured with. */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { deepFreeze } from "@portcullis/protocol";
import type { z } from "zod";
import { serviceError } from "../errors.ts";
import {
  type Environment,
  type Given,
  type Overridden,
  overriddenBy,
  type ReadEnvironment,
  readEnvironment,
  withEnvironment,
} from "./environment.ts";
import { type Problem, type SettingPath, textOfPath, textOfProblems } from "./problems.ts";
import { checkRules, type Rule } from "./rules.ts";
import { mistakesOnce, problemsOfIssue, remedy } from "./schema-problems.ts";
import { readSecretFiles, whyUnreadable } from "./secret-files.ts";
import { isAt, type Setting, settingsOf } from "./settings.ts";
import { readYaml } from "./yaml-text.ts";

/** What may be configured, and what becomes of it. */
export interface ConfigurationDefinition<Schema extends z.ZodObject, Configuration> {
  readonly schema: Schema;
  readonly rules: readonly Rule<z.output<Schema>>[];
  /** Called with settings that are sound. Its result is frozen, with all that is in it. */
  readonly resolve: (written: z.output<Schema>, from: ConfiguredFrom) => Configuration;
}

export interface ConfiguredFrom {
  /** What relative paths are relative to: where the file is, or where the process was started. */
  readonly directory: string;
}

interface Sources {
  /** Undefined: the environment says it all. */
  readonly file?: string | undefined;
  readonly environment: Environment;
}

export const defineConfiguration = <Schema extends z.ZodObject, Configuration>(
  definition: ConfigurationDefinition<Schema, Configuration>,
): ConfigurationDefinition<Schema, Configuration> => definition;

/** What file and environment say, before anybody asks whether it is sound. */
export interface ReadSettings {
  readonly document: unknown;
  readonly directory: string;
  /** Of the file, for problems. */
  readonly name?: string | undefined;
  readonly said: ReadEnvironment;
  /** What the file says in vain. */
  readonly overridden: readonly Overridden[];
}

/** Returns what is said, or throws `configuration_invalid` where the file cannot be read. */
export function readSettings<Schema extends z.ZodObject>(
  { schema }: { readonly schema: Schema },
  { file, environment }: Sources,
): ReadSettings {
  if (file === undefined) return readDocument({ document: {}, directory: ".", environment }, schema);
  const document = documentOf(readFile(file), file);
  return readDocument({ document, directory: dirname(resolve(file)), environment, name: file }, schema);
}

function readDocument(
  { document, directory, environment = {}, name }: ConfigurationDocument,
  schema: z.ZodObject,
): ReadSettings {
  const said = readEnvironment(environment, settingsOf(schema));
  const overridden = overriddenBy(said.given, { document, directory });
  return { document, directory, name, said, overridden };
}

/** Returns the configuration alone. */
export const readConfiguration = <Schema extends z.ZodObject, Configuration>(
  definition: ConfigurationDefinition<Schema, Configuration>,
  sources: Sources,
): Configuration => configurationFrom(definition, readSettings(definition, sources));

interface ConfigurationText {
  readonly text: string;
  readonly directory: string;
  /** Default: nothing is said in the environment. */
  readonly environment?: Environment;
  /** Of the file, for problems. */
  readonly name?: string;
}

export const parseConfiguration = <Schema extends z.ZodObject, Configuration>(
  definition: ConfigurationDefinition<Schema, Configuration>,
  { text, ...from }: ConfigurationText,
): Configuration => configurationOf(definition, { ...from, document: documentOf(text, from.name) });

function documentOf(text: string, name: string | undefined): unknown {
  const { value, problems } = readYaml(text);
  if (problems.length > 0) throw invalid(problems, name);
  return value;
}

interface ConfigurationDocument {
  /** What a file would say. */
  readonly document: unknown;
  readonly directory: string;
  readonly environment?: Environment;
  readonly name?: string;
}

export const configurationOf = <Schema extends z.ZodObject, Configuration>(
  definition: ConfigurationDefinition<Schema, Configuration>,
  document: ConfigurationDocument,
): Configuration => configurationFrom(definition, readDocument(document, definition.schema));

/** Returns the configuration that the settings make, or throws `configuration_invalid`, whose text has every problem. */
export function configurationFrom<Schema extends z.ZodObject, Configuration>(
  { schema, rules, resolve: resolveWritten }: ConfigurationDefinition<Schema, Configuration>,
  { document, directory, name, said }: ReadSettings,
): Configuration {
  const settings = settingsOf(schema);
  const merged = withEnvironment(document ?? {}, said.given);
  const nameOf = (path: SettingPath) => textOfPath(path) + textOfOrigin(path, said.given);
  const ofFiles = readSecretFiles(merged, { settings, directory, nameOf });
  const checked = checkSchema(schema, merged, settings);
  const unsound = [...pathsOf(ofFiles).flatMap(withSecret), ...pathsOf(checked.problems)];
  const problems = [
    ...said.problems,
    ...ofFiles,
    ...checked.problems,
    ...checkRules(rules, checked.written, unsound),
  ];
  if (problems.length > 0)
    throw invalid(
      mistakesOnce(problems).map((problem) => withOrigin(problem, said.given)),
      name,
    );
  return deepFreeze(resolveWritten(checked.written, { directory }));
}

/** What was written, as far as the schema could read it: with its defaults, and as it was where it is wrong. */
function checkSchema<Schema extends z.ZodObject>(
  schema: Schema,
  document: unknown,
  settings: readonly Setting[],
) {
  let asFarAsRead: unknown;
  const watched = schema.refine(() => true, {
    // Zod asks this whatever is wrong; the refinement itself never runs.
    when(payload) {
      asFarAsRead = payload.value;
      return false;
    },
  });
  const result = watched.safeParse(document, { reportInput: true, error: remedy });
  const problems = result.error?.issues.flatMap((issue) => problemsOfIssue(issue, settings)) ?? [];
  return { written: (result.data ?? asFarAsRead) as z.output<Schema>, problems };
}

const pathsOf = (problems: readonly Problem[]): SettingPath[] =>
  problems.map(({ path }) => path).filter((path) => typeof path !== "string");

/** A file that cannot be read leaves its secret unknown, too. */
const withSecret = (path: SettingPath): SettingPath[] => [
  path,
  [...path.slice(0, -1), String(path.at(-1)).replace(/File$/, "")],
];

/** Whoever has set a variable looks for its name. */
function withOrigin(problem: Problem, given: readonly Given[]): Problem {
  const { path } = problem;
  if (typeof path === "string") return problem;
  const origin = textOfOrigin(path, given);
  if (origin === "") return problem;
  return { ...problem, path: textOfPath(path) + origin, isOfEnvironment: true };
}

/** The variable that said it, in brackets; nothing, if the file did. */
function textOfOrigin(path: SettingPath, given: readonly Given[]): string {
  const origin = given.findLast(({ setting }) => isAt(setting, path.slice(0, setting.path.length)));
  return origin === undefined ? "" : ` (${origin.name})`;
}

function readFile(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw serviceError("configuration_invalid", { text: whyUnreadable(file, error), cause: error });
  }
}

function invalid(problems: readonly Problem[], name: string | undefined) {
  const file = problems.every(({ isOfEnvironment }) => isOfEnvironment) ? [] : [name ?? "The configuration"];
  const environment = problems.some(({ isOfEnvironment }) => isOfEnvironment) ? ["the environment"] : [];
  return serviceError("configuration_invalid", { text: textOfProblems([...file, ...environment], problems) });
}
