import { type Problem, ProblemsError, problemsOf } from "@portcullis/http-api";
import { isPairScope, MODES, PAIR_SCOPES, type PairScope, REASONS, SCOPES } from "@portcullis/protocol";
import { z } from "zod";

const MAX_LISTED = 500;
const DEFAULT_LISTED = 50;
const MAX_PER_BATCH = 10_000;
const DEFAULT_PER_BATCH = 1000;

/** Fifteen digits are exact as a number. */
const wholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, "Must be a whole number.")
  .transform(Number);
const seq = wholeNumber.refine((value) => value > 0, "Must be a seq: 1 or more.");
const upTo = (most: number) =>
  wholeNumber.refine((value) => value >= 1 && value <= most, `Must be from 1 to ${most}.`);
const text = z
  .string()
  .min(1, "Must not be empty.")
  .max(512, "Must have at most 512 characters.")
  // PostgreSQL fails on it: no text that is kept has one.
  .regex(/^[^\0]*$/, "Must not have a NUL character.");
const time = z.iso
  .datetime({
    offset: true,
    error: 'Must be a time as in RFC 3339, for example "2026-03-01T12:00:00Z".',
  })
  .transform((value) => Date.parse(value) / 1000);

const says = (description: string) => ({ description });
/** Numbers and times come as text: what is written down of them is what the text may say. */
const read = (description: string, schema: object) => ({
  description,
  override({ jsonSchema }: { jsonSchema: object }) {
    for (const name of Object.keys(jsonSchema))
      if (name !== "description") Reflect.deleteProperty(jsonSchema, name);
    Object.assign(jsonSchema, schema);
  },
});
const number = (description: string, limits: object) => read(description, { type: "integer", ...limits });
const moment = (description: string) => read(description, { type: "string", format: "date-time" });

export const listQuerySchema = z.strictObject({
  scope: z.enum(SCOPES).optional().meta(says("Of exactly this scope.")),
  mode: z.enum(MODES).optional().meta(says("Of exactly this mode.")),
  reason: z.enum(REASONS).optional().meta(says("Of exactly this reason.")),
  key: text
    .optional()
    .meta(
      says(
        "Of exactly this key, in any scope or the one that is given. A user by any name: sub, username or e-mail address; without `scope`, all that concerns the user, with the pairs, sessions and grants.",
      ),
    ),
  subject: text
    .optional()
    .meta(says("With `client`, `audience` or `organization`: the pair of such a scope. By any name.")),
  client: text.optional().meta(says("With `subject`: the pair of a `subject-client`.")),
  audience: text.optional().meta(says("With `subject`: the pair of a `subject-audience`.")),
  organization: text.optional().meta(says("With `subject`: the pair of a `subject-organization`.")),
  actor: text.optional().meta(says("Made by this client or person.")),
  since: time.optional().meta(moment("Made then or later: RFC 3339, with a time zone.")),
  until: time.optional().meta(moment("Made then or earlier: RFC 3339, with a time zone.")),
  before: seq.optional().meta(number("Older than this seq: `next` of the page before.", { minimum: 1 })),
  limit: upTo(MAX_LISTED)
    .default(DEFAULT_LISTED)
    .meta(number("How many at most.", { minimum: 1, maximum: MAX_LISTED, default: DEFAULT_LISTED })),
});
export type ListQuery = z.output<typeof listQuerySchema>;

export const batchesQuerySchema = z.strictObject({
  after: wholeNumber.default(0).meta(number("The seq that is known already.", { minimum: 0, default: 0 })),
  limit: upTo(MAX_PER_BATCH)
    .default(DEFAULT_PER_BATCH)
    .meta(number("How many at most.", { minimum: 1, maximum: MAX_PER_BATCH, default: DEFAULT_PER_BATCH })),
});

export const seqSchema = z.object({
  seq: seq.meta({ ...number("Its place in the log.", { minimum: 1 }), example: 812 }),
});

/** Throws with every problem, those of single fields and those between fields. */
export function checkListQuery(query: unknown): ListQuery {
  const result = listQuerySchema.safeParse(query);
  const problems = [...problemsOf(result.error), ...keyProblems(query as RawQuery)];
  if (problems.length > 0) throw new ProblemsError(problems);
  return result.data!;
}

type RawQuery = { readonly [name in keyof ListQuery]?: unknown };

const PAIRS = SCOPES.filter(isPairScope);

/** Returns the pair that is searched for, if it is one. */
export function pairIn(
  query: ListQuery,
): { readonly scope: PairScope; readonly subject: string; readonly other: string } | undefined {
  const scope = PAIRS.find((pair) => query[PAIR_SCOPES[pair]] !== undefined);
  if (scope === undefined || query.subject === undefined) return undefined;
  return { scope, subject: query.subject, other: query[PAIR_SCOPES[scope]]! };
}

/** What is searched for must have the shape that its scope takes, or the search could only find nothing. */
function keyProblems(query: RawQuery): Problem[] {
  const { scope, key, subject } = query;
  const [pair, second] = PAIRS.filter((one) => query[PAIR_SCOPES[one]] !== undefined);
  const half = pair && PAIR_SCOPES[pair];
  const isPair = subject !== undefined || pair !== undefined;
  const hasKey = key !== undefined;
  const rules: readonly (readonly [wrong: boolean, field: string, message: string])[] = [
    [
      isPair && subject === undefined,
      "subject",
      `Is needed beside ${half}: pairs are found as a whole. For ${half} alone, give scope=${half} and key.`,
    ],
    [isPair && pair === undefined, halfFor(scope), `Is needed beside subject${OR_ANOTHER}. ${ONE}`],
    [second !== undefined, half ?? "", "Cannot go with another: a pair is of a subject and one more."],
    [
      pair !== undefined && (scope ?? pair) !== pair,
      "scope",
      `Must be ${pair}, or absent, beside subject and ${half}.`,
    ],
    [isPair && hasKey, "key", `Cannot go with subject and ${halfFor(scope)}: give one or the other.`],
    [hasKey && isPairName(scope), "key", `Scope ${scope} is found by subject and ${halfFor(scope)}.`],
    [hasKey && scope === "issuer", "key", "Scope issuer has no key; remove it."],
  ];
  return rules.filter(([wrong]) => wrong).map(([, field, message]) => ({ field, message }));
}

const isPairName = (scope: unknown): scope is PairScope => PAIRS.some((pair) => pair === scope);
const halfFor = (scope: unknown): string => (isPairName(scope) ? PAIR_SCOPES[scope] : "client");
const OR_ANOTHER = ", or audience or organization instead: pairs are found as a whole";
const ONE = "For a subject alone, give scope=subject and key.";
