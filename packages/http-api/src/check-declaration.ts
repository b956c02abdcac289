import { z } from "zod";
import { ANYBODY, type DeclaredRoute, type JsonAnswer } from "./declare-route.ts";
import { httpApiError } from "./errors.ts";

/**
 * Throws `route_not_declared` for a declaration that its types let pass and that would be no help to a reader: a text or a
 * parameter that says nothing, an example that its own schema refuses. At start, and not in front of a caller.
 */
export function checkDeclaration(route: DeclaredRoute): void {
  const problems = [
    ...missingTexts(route),
    ...parameterProblems(route),
    ...exampleProblems(route),
    ...repetitionProblems(route),
    ...signInProblems(route),
  ];
  if (problems.length === 0) return;
  const text = `${route.method} ${route.path || "/"} (${route.operationId}): ${problems.join("; ")}.`;
  throw httpApiError("route_not_declared", { text });
}

function missingTexts({ operationId, tag, summary, answers }: DeclaredRoute): string[] {
  const texts = { operationId, tag, summary };
  const empty = Object.entries(texts).filter(([, text]) => text.trim() === "");
  const isAnswered = Object.keys(answers).length > 0;
  return [...empty.map(([name]) => `${name} is empty`), ...(isAnswered ? [] : ["it has no answer"])];
}

/** Every parameter is explained, and those of the path are those that the path has, each with an example. */
function parameterProblems({ path, parameters = {} }: DeclaredRoute): string[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  const declared = Object.keys(parameters.path?.shape ?? {});
  return [
    ...inPath.filter((name) => !declared.includes(name)).map((name) => `{${name}} is not declared`),
    ...declared.filter((name) => !inPath.includes(name)).map((name) => `${name} is not in its path`),
    ...(isStrict(parameters.query) ? [] : ["its query takes what it does not declare"]),
    ...Object.values(parameters).flatMap(unexplained),
    ...Object.entries(parameters.path?.shape ?? {})
      .filter(([, schema]) => metaOf(schema)?.example === undefined)
      .map(([name]) => `${name} has no example`),
  ];
}

function repetitionProblems({ isRepeatable = false, method, scope, answers }: DeclaredRoute): string[] {
  if (!isRepeatable) return [];
  return [
    ...(method === "POST" ? [] : [`it is repeatable, and ${method} is so by itself`]),
    ...(scope === ANYBODY ? ["it is repeatable, and a key is nobody's without a caller"] : []),
    ...(Object.values(answers).every((answer) => "schema" in answer)
      ? []
      : ["it is repeatable, and has an answer that is no JSON"]),
  ];
}

const signInProblems = ({ scope, maxSignInAgeSeconds }: DeclaredRoute): string[] =>
  maxSignInAgeSeconds === undefined || scope !== ANYBODY
    ? []
    : ["it asks for a fresh sign-in, and nobody has signed in without a token"];

const isStrict = (query: z.ZodObject | undefined): boolean =>
  query === undefined || query.def.catchall instanceof z.ZodNever;

const metaOf = (schema: unknown) => (schema as z.ZodType).meta();

const unexplained = (schema: z.ZodObject | undefined): string[] =>
  Object.entries(schema?.shape ?? {})
    .filter(([, field]) => metaOf(field)?.description === undefined)
    .map(([name]) => `${name} has no description`);

function exampleProblems({ body, answers }: DeclaredRoute): string[] {
  const answered = Object.entries(answers)
    .filter((entry): entry is [string, JsonAnswer] => "schema" in entry[1])
    .map(([status, { schema, example }]) => ({ where: `answer ${status}`, schema, example }));
  const asked =
    body?.schema === undefined ? [] : [{ where: "body", schema: body.schema, example: body.example }];
  return [...asked, ...answered]
    .filter(({ schema, example }) => !schema.safeParse(example).success)
    .map(({ where }) => `the example of its ${where} does not fit the schema`);
}
