import type { z } from "zod";
import { type Problem, ProblemsError } from "./problems.ts";

/** Gives the parsed body or query, or throws with every problem at once, each with its dotted path. */
export function checkInput<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const result = schema.safeParse(input);
  if (!result.success) throw new ProblemsError(problemsOf(result.error));
  return result.data;
}

/** Every problem of a parse, with its dotted path. */
export function problemsOf(error: z.ZodError | undefined): Problem[] {
  return (error?.issues ?? []).flatMap((issue) => {
    const path = issue.path.join(".");
    if (issue.code !== "unrecognized_keys") return [{ field: path || "body", message: issue.message }];
    return issue.keys.map((key) => ({
      field: `${path === "" ? "" : `${path}.`}${key === "" ? '""' : key}`,
      message: "Not a field of this request; remove it.",
    }));
  });
}
