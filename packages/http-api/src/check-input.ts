import type { z } from "zod";
import { type Problem, ProblemsError } from "./problems.ts";

/** Gives the parsed body or query, or throws with every problem at once, each with its dotted path. */
export function checkInput<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  refuseDeep(input);
  const result = schema.safeParse(input);
  if (!result.success) throw new ProblemsError(problemsOf(result.error));
  return result.data;
}

/** Every problem of a parse, with its dotted path. */
export function problemsOf(error: z.ZodError | undefined): Problem[] {
  return (error?.issues ?? []).flatMap((issue) => {
    const path = issue.path.join(".");
    if (issue.code !== "unrecognized_keys") return [{ field: path || "body", message: wordsOf(issue) }];
    return issue.keys.map((key) => ({
      field: `${path === "" ? "" : `${path}.`}${key === "" ? '""' : key}`,
      message: "Not a field of this request; remove it.",
    }));
  });
}

const OF_TYPE = /^Invalid input: expected (\w+), received (\w+)$/;

/** The validator says in its own words what is of another type: in ours, what was found and what is taken. Of a name, what the rule for names says. */
function wordsOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_key") return issue.issues.map(wordsOf).join("; ");
  const { code, message } = issue;
  const [, expected, found] = (code === "invalid_type" && OF_TYPE.exec(message)) || [];
  if (expected === undefined) return message;
  const type = NAMES_OF_TYPES[expected] ?? expected;
  return found === "undefined"
    ? `Found nothing; give ${type}.`
    : `Found ${NAMES_OF_TYPES[found!] ?? found}; give ${type}.`;
}

const NAMES_OF_TYPES: Readonly<Record<string, string>> = {
  array: "a list",
  boolean: "true or false",
  int: "a whole number",
  number: "a number",
  object: "an object",
  record: "an object",
  string: "a text",
};

/** An object in an object is two deep. What people keep of users, the deepest that is taken, needs less. */
const MAX_DEPTH = 32;

interface Place {
  readonly value: unknown;
  readonly name: string;
  readonly above: Place | undefined;
  readonly depth: number;
}

/**
 * Throws if the input is nested deeper than what reads it may go: every reader behind this calls itself for each level, and a body of
 * 16 KiB has room for enough of them to exhaust the stack. This one does not call itself.
 */
export function refuseDeep(input: unknown): void {
  const open: Place[] = [{ value: input, name: "", above: undefined, depth: 0 }];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    if (typeof place.value !== "object" || place.value === null) continue;
    if (place.depth === MAX_DEPTH) throw tooDeep(place);
    for (const [name, value] of Object.entries(place.value))
      open.push({ value, name, above: place, depth: place.depth + 1 });
  }
}

function tooDeep(place: Place): ProblemsError {
  const message = `Nested deeper than ${MAX_DEPTH} levels; make it flatter.`;
  return new ProblemsError([{ field: pathOf(place) || "body", message }]);
}

const MAX_SHOWN_CHARACTERS = 200;

function pathOf({ name, above }: Place): string {
  const names: string[] = [name];
  for (let place = above; place?.above !== undefined; place = place.above) names.unshift(place.name);
  const path = names.join(".");
  return path.length > MAX_SHOWN_CHARACTERS ? `${path.slice(0, MAX_SHOWN_CHARACTERS)}...` : path;
}
