/** What a schema has against what was written, in our words. */
import type { z } from "zod";
import { environmentNameOf } from "./environment.ts";
import { type Problem, type SettingPath, textOfFound, textOfPath } from "./problems.ts";
import { UNREAD } from "./secret-files.ts";
import { fileOf, hasOnePlace, isAt, isPrefix, type Setting } from "./settings.ts";
import { suggestionFor } from "./suggest.ts";

type Issue = z.core.$ZodIssue;

/** Returns the problems of one issue: of unknown keys, one each. */
export function problemsOfIssue(issue: Issue, settings: readonly Setting[]): Problem[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => unknownKey([...issue.path, key], settings));
  }
  if (issue.input === UNREAD) return [];
  const setting = settings.find((known) => isAt(known, issue.path));
  const input = issue.code === "invalid_union" ? memberAt(issue.input, issue.path.at(-1)) : issue.input;
  if (input === undefined && setting !== undefined) {
    const message = `found nothing; ${remedyOf(setting, issue.path)}`;
    return [{ path: issue.path, message, isMissing: true }];
  }
  // What a rule about several settings found is in its own words.
  if (issue.code === "custom" && typeof input === "object")
    return [{ path: issue.path, message: issue.message }];
  const found = textOfFound(input, couldBeSecret(issue.path, settings));
  return [{ path: issue.path, message: `${found}; ${issue.message}` }];
}

/** A discriminator that means nothing is told with the whole union as its input. */
const memberAt = (input: unknown, name: PropertyKey | undefined): unknown =>
  typeof input === "object" && input !== null ? (input as Record<PropertyKey, unknown>)[name!] : input;

function unknownKey(path: SettingPath, settings: readonly Setting[]): Problem {
  const meant = suggestionFor(path, settings);
  if (meant === undefined) return { path, message: "is not a setting; remove it" };
  const message = `is not a setting; did you mean ${meant.text}? Otherwise remove it`;
  return { path, message, meant: meant.path };
}

/** Returns the problems with one line for a misspelt key that must be there: that it is missing follows from how it is spelt. */
export function mistakesOnce(problems: readonly Problem[]): Problem[] {
  const meant = new Set(problems.map(textOfMeant));
  const missing = new Set(problems.filter(({ isMissing }) => isMissing).flatMap(({ path }) => formsOf(path)));
  return problems
    .filter(({ path, isMissing }) => !isMissing || !formsOf(path).some((form) => meant.has(form)))
    .map((problem) => {
      const text = textOfMeant(problem);
      if (text === undefined || !missing.has(text)) return problem;
      return { ...problem, message: `is not a setting; did you mean ${text}, which must be set?` };
    });
}

const textOfMeant = ({ meant }: Problem): string | undefined => meant && textOfPath(meant);

/** A secret is missing as much when the name of its file is misspelt. */
const formsOf = (path: SettingPath | string): string[] =>
  typeof path === "string" ? [] : [textOfPath(path), textOfPath(fileOf(path))];

function remedyOf(setting: Setting, path: SettingPath): string {
  const ways = [
    ...(setting.isSecret ? [`${String(fileOf(path).at(-1))} beside it`] : []),
    ...(hasOnePlace(setting) ? [`${environmentNameOf(setting.path)} in the environment`] : []),
  ];
  return ["set it here", ...ways].join(", or ");
}

/** Of a secret, or of what should hold one: whoever writes a secret one level too high has still written a secret. */
const couldBeSecret = (path: SettingPath, settings: readonly Setting[]): boolean =>
  settings.some(
    (setting) => setting.isSecret && path.length <= setting.path.length && isPrefix(path, setting.path),
  );

/** What to do, where the schema has no words of its own. */
export function remedy(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `must be ${KINDS[String(issue.expected)] ?? String(issue.expected)}`;
    case "too_small":
      return isSize(issue) && issue.minimum === 1 ? "must not be empty" : `must ${boundOf(issue, "minimum")}`;
    case "too_big":
      return `must ${boundOf(issue, "maximum")}`;
    case "invalid_value":
      return `must be ${listed(issue.values as readonly unknown[])}`;
    case "invalid_union":
      return `must be ${listed((issue.options as readonly unknown[] | undefined) ?? [])}`;
    case "invalid_format":
      return `must be ${FORMATS[String(issue.format)] ?? `a valid ${String(issue.format)}`}`;
    case "invalid_key":
      return (issue.issues as readonly { readonly message: string }[])
        .map(({ message }) => message)
        .join("; ");
    default:
      return "must be what the reference says";
  }
}

const KINDS: Readonly<Record<string, string>> = {
  string: "text (in quotes, where YAML would read something else)",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "settings below it",
  record: "a map of names to values",
};
const FORMATS: Readonly<Record<string, string>> = {
  url: "a URL",
  email: "an e-mail address",
};

/** Whether it is the length of something that is bounded. */
const isSize = ({ origin }: z.core.$ZodRawIssue): boolean => origin === "string" || origin === "array";

function boundOf(issue: z.core.$ZodRawIssue, side: "minimum" | "maximum"): string {
  const limit = String((issue as unknown as Record<string, unknown>)[side]);
  if (issue.inclusive === false) return `be ${side === "maximum" ? "less" : "more"} than ${limit}`;
  const bound = `${side === "maximum" ? "at most" : "at least"} ${limit}`;
  if (!isSize(issue)) return `be ${bound}`;
  return `have ${bound} ${issue.origin === "string" ? "characters" : "elements"}`;
}

const listed = (values: readonly unknown[]): string =>
  values.map((value) => JSON.stringify(value)).join(" or ");
