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

/** A configuration, and what of the environment went into it. */
export interface Reading<Configuration> {
  readonly configuration: Configuration;
  /** Variables that were taken. */
  readonly variables: readonly string[];
  /** What the file says in vain. */
  readonly overridden: readonly Overridden[];
}

/** Returns the configuration with its origins, or throws `configuration_invalid`, whose text has every problem. */
export function readSettings<Schema extends z.ZodObject, Configuration>(
  definition: ConfigurationDefinition<Schema, Configuration>,
  { file, environment }: Sources,
): Reading<Configuration> {
  if (file === undefined) return settingsFrom(definition, { document: {}, directory: ".", environment });
  const from = { directory: dirname(resolve(file)), environment, name: file };
  return settingsFrom(definition, { ...from, document: documentOf(readFile(file), file) });
}

/** Returns the configuration alone. */
export const readConfiguration = <Schema extends z.ZodObject, Configuration>(
  definition: ConfigurationDefinition<Schema, Configuration>,
  sources: Sources,
): Configuration => readSettings(definition, sources).configuration;

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
): Configuration => settingsFrom(definition, document).configuration;

function settingsFrom<Schema extends z.ZodObject, Configuration>(
  { schema, rules, resolve: resolveWritten }: ConfigurationDefinition<Schema, Configuration>,
  { document, directory, environment = {}, name }: ConfigurationDocument,
): Reading<Configuration> {
  const settings = settingsOf(schema);
  const said = readEnvironment(environment, settings);
  const merged = withEnvironment(document ?? {}, said.given);
  const ofFiles = readSecretFiles(merged, { settings, directory });
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
  return {
    configuration: deepFreeze(resolveWritten(checked.written, { directory })),
    variables: said.given.map(({ name: variable }) => variable),
    overridden: overriddenBy(said.given, { document, directory }),
  };
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
  const origin = given.findLast(({ setting }) => isAt(setting, path.slice(0, setting.path.length)));
  return origin === undefined ? problem : { ...problem, path: `${textOfPath(path)} (${origin.name})` };
}

function readFile(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw serviceError("configuration_invalid", { text: whyUnreadable(file, error), cause: error });
  }
}

const invalid = (problems: readonly Problem[], name: string | undefined) =>
  serviceError("configuration_invalid", { text: textOfProblems(name ?? "The configuration", problems) });
