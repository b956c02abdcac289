import { ProblemsError, problemsOf } from "@portcullis/feed-server";
import { revocationRequestSchema } from "@portcullis/protocol";
import type { z } from "zod";

/**
 * What a revocation needs depends on its scope, so an unknown scope would hide all other problems: what every
 * scope has in common is then checked as if the scope were right.
 */
export function checkRevocationRequest(body: unknown): z.output<typeof revocationRequestSchema> {
  const result = revocationRequestSchema.safeParse(body);
  if (result.success) return result.data;
  const problems = problemsOf(result.error);
  if (problems.some(({ field }) => field === "scope")) {
    const assumed = revocationRequestSchema.safeParse({ ...(body as object), scope: "issuer" });
    const common = problemsOf(assumed.error).filter(({ field }) => COMMON_FIELDS.has(field));
    problems.push(...common);
  }
  throw new ProblemsError(problems);
}

const COMMON_FIELDS: ReadonlySet<string> = new Set(["mode", "reason", "note"]);
