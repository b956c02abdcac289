import { revocationRequestSchema } from "@portcullis/protocol";
import type { z } from "zod";
import { type Problem, ProblemsError } from "./problems.ts";

/** Gives the parsed body, or throws with every problem at once, each with its dotted path. */
export function checkBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const result = schema.safeParse(body);
  if (!result.success) throw new ProblemsError(problemsOf(result.error));
  return result.data;
}

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

function problemsOf(error: z.ZodError | undefined): Problem[] {
  return (error?.issues ?? []).flatMap((issue) => {
    const path = issue.path.join(".");
    if (issue.code !== "unrecognized_keys") return [{ field: path || "body", message: issue.message }];
    return issue.keys.map((key) => ({
      field: path === "" ? key : `${path}.${key}`,
      message: "Not a field of this request; remove it.",
    }));
  });
}
