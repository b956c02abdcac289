import { type Problem, ProblemsError, problemsOf } from "@portcullis/http-api";
import {
  decodeBase64url,
  decodeIdentifier,
  type Reason,
  revocationRequestSchema,
  type Scope,
} from "@portcullis/protocol";
import type { z } from "zod";

/**
 * What a revocation needs depends on its scope, so an unknown scope would hide all other problems: what every
 * scope has in common is then checked as if the scope were right.
 */
export function checkRevocationRequest(body: unknown): z.output<typeof revocationRequestSchema> {
  const result = revocationRequestSchema.safeParse(body);
  const problems = problemsOf(result.error);
  if (problems.some(({ field }) => field === "scope")) {
    const assumed = revocationRequestSchema.safeParse({ ...(body as object), scope: "issuer" });
    const common = problemsOf(assumed.error).filter(({ field }) => COMMON_FIELDS.has(field));
    problems.push(...common);
  }
  const named = new Set(problems.map(({ field }) => field));
  problems.push(...ownProblems(body).filter(({ field }) => !named.has(field)));
  if (problems.length > 0) throw new ProblemsError(problems);
  return result.data!;
}

const COMMON_FIELDS: ReadonlySet<string> = new Set(["mode", "reason", "note"]);

/** Of what is about ourselves: our ids have one spelling, and our reasons their scopes. */
function ownProblems(body: unknown): Problem[] {
  const { scope, key, reason, foreign } = (body ?? {}) as Record<string, unknown>;
  if (foreign === true) return [];
  return [...spellingProblems(scope as Scope, key), ...reasonProblems(scope as Scope, reason as Reason)];
}

interface Spelling {
  readonly what: string;
  /** What tokens call it. */
  readonly claim: string;
  readonly length: number;
  readonly isRight: (text: string) => boolean;
}

const THUMBPRINT_BYTES = 32;
const identifier = (what: string, claim: string): Spelling => ({
  what: `${what} of this server`,
  claim,
  length: 22,
  isRight: (text) => decodeIdentifier(text) !== undefined,
});

/** Scopes whose ids are made by us, or by a standard, in one spelling alone: any other would reach no token. */
const SPELLINGS: Partial<Record<Scope, Spelling>> = {
  token: identifier("token ID", "jti"),
  session: identifier("session ID", "sid"),
  grant: identifier("grant ID", "gid"),
  "dpop-key": {
    what: "thumbprint of a DPoP key",
    claim: "jkt",
    length: 43,
    isRight: (text) => decodeBase64url(text)?.length === THUMBPRINT_BYTES,
  },
};

function spellingProblems(scope: Scope, key: unknown): Problem[] {
  const spelling = Object.hasOwn(SPELLINGS, scope) ? SPELLINGS[scope] : undefined;
  if (spelling === undefined || typeof key !== "string" || spelling.isRight(key)) return [];
  const { what, claim, length } = spelling;
  const message = `Found ${JSON.stringify(key)}, which is not a ${what}. Give the ${claim} exactly as the token has it: ${length} characters. If it is of another issuer, add "foreign": true.`;
  return [{ field: "key", message }];
}

/** Reasons that tell of a lasting state, and the scope of what has it. */
export const STATE_REASONS: Partial<Record<Reason, "client" | "subject">> = {
  client_disabled: "client",
  user_disabled: "subject",
  banned: "subject",
  account_deleted: "subject",
};

function reasonProblems(scope: Scope, reason: Reason): Problem[] {
  const holder = Object.hasOwn(STATE_REASONS, reason) ? STATE_REASONS[reason] : undefined;
  if (holder === undefined || scope === holder) return [];
  const message = `Found ${reason}, which tells of a lasting state and goes with scope ${holder} alone. Give another reason.`;
  return [{ field: "reason", message }];
}
