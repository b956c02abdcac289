import { checkBody, type Problem, ProblemsError, problemsOf } from "@portcullis/feed-server";
import { MODES, REASONS, SCOPES } from "@portcullis/protocol";
import { z } from "zod";

const MOST_LISTED = 500;
const DEFAULT_LISTED = 50;
const MOST_IN_A_BATCH = 10_000;
const DEFAULT_IN_A_BATCH = 1000;

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

const listQuerySchema = z.strictObject({
  scope: z.enum(SCOPES).optional(),
  mode: z.enum(MODES).optional(),
  reason: z.enum(REASONS).optional(),
  key: text.optional(),
  subject: text.optional(),
  client: text.optional(),
  actor: text.optional(),
  since: time.optional(),
  until: time.optional(),
  before: seq.optional(),
  limit: upTo(MOST_LISTED).default(DEFAULT_LISTED),
});
export type ListQuery = z.output<typeof listQuerySchema>;

const batchesQuerySchema = z.strictObject({
  after: wholeNumber.default(0),
  limit: upTo(MOST_IN_A_BATCH).default(DEFAULT_IN_A_BATCH),
});
export type BatchesQuery = z.output<typeof batchesQuerySchema>;

const noQuerySchema = z.strictObject({});

/** Throws with every problem, those of single fields and those between fields. */
export function checkListQuery(query: unknown): ListQuery {
  const result = listQuerySchema.safeParse(query);
  const problems = [...problemsOf(result.error), ...keyProblems(query as RawQuery)];
  if (problems.length > 0) throw new ProblemsError(problems);
  return result.data!;
}

export const checkBatchesQuery = (query: unknown): BatchesQuery => checkBody(batchesQuerySchema, query);

export function checkSeq(params: unknown, query: unknown): number {
  checkBody(noQuerySchema, query);
  return checkBody(z.object({ seq }), params).seq;
}

export function checkNoQuery(query: unknown): void {
  checkBody(noQuerySchema, query);
}

type RawQuery = { readonly [name in keyof ListQuery]?: unknown };

/** What is searched for must have the shape that its scope takes, or the search could only find nothing. */
function keyProblems({ scope, key, subject, client }: RawQuery): Problem[] {
  const isPair = subject !== undefined || client !== undefined;
  const hasKey = key !== undefined;
  const rules: readonly (readonly [wrong: boolean, field: string, message: string])[] = [
    [isPair && subject === undefined, "subject", "Is needed beside client: pairs are found as a whole."],
    [
      isPair && client === undefined,
      "client",
      `Is needed beside subject: pairs are found as a whole. ${ONE}`,
    ],
    [isPair && (scope ?? PAIR) !== PAIR, "scope", `Must be ${PAIR}, or absent, beside subject and client.`],
    [isPair && hasKey, "key", "Cannot go with subject and client: give one or the other."],
    [hasKey && scope === PAIR, "key", `Scope ${PAIR} is found by subject and client.`],
    [hasKey && scope === "issuer", "key", "Scope issuer has no key; remove it."],
  ];
  return rules.filter(([wrong]) => wrong).map(([, field, message]) => ({ field, message }));
}

const PAIR = "subject-client";
const ONE = "For a subject alone, give scope=subject and key.";
