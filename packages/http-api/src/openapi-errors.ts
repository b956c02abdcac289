import type { ErrorDefinition } from "@portcullis/protocol";
import type { DeclaredRoute } from "./declare-route.ts";
import type { ErrorForm } from "./error-forms.ts";
import { callerErrorsOf, commonErrorsOf } from "./errors-of-route.ts";

interface ShownError extends ErrorDefinition {
  readonly example: unknown;
}

/** Returns what a route is refused with, by status; each code with an example, in the form that it has on the wire. */
export function responsesToErrors(route: DeclaredRoute, form: ErrorForm) {
  const errors = [...commonErrorsOf(route), ...route.errors].map((error) => shownError(form, error));
  const refusals = callerErrorsOf(route).map((error) => shownRefusal(form, error));
  const byStatus = Map.groupBy(withoutRepeats([...errors, ...refusals]), ({ status }) => status);
  return Object.fromEntries([...byStatus].map(([status, some]) => [status, responseOf(form, status, some)]));
}

function shownError(form: ErrorForm, error: ErrorDefinition): ShownError {
  const { status, text } = error;
  const code = form.codeOf(error);
  const isAboutFields = code === "invalid_request" && status === 400;
  const problems = isAboutFields ? { problems: [{ field: "name", message: "What is wrong with it." }] } : {};
  return { status, code, text, example: form.bodyOf({ status, code, text, ...problems }) };
}

function shownRefusal(form: ErrorForm, { status, code, text }: ErrorDefinition): ShownError {
  const body = { error: code, error_description: text };
  return { status, code, text, example: form.refusalOf({ status, body }) };
}

/** Some causes are one to a caller: the same code with the same status. */
const withoutRepeats = (errors: readonly ShownError[]): ShownError[] =>
  errors.filter(
    ({ status, code }, at) =>
      errors.findIndex((other) => other.status === status && other.code === code) === at,
  );

const responseOf = (form: ErrorForm, status: number, errors: readonly ShownError[]) => ({
  description: errors.map(({ code, text }) => `\`${code}\`: ${text}`).join("\n\n"),
  content: {
    [form.mediaType]: {
      schema: form.schema,
      examples: Object.fromEntries(errors.map(({ code, example }) => [code, { value: example }])),
    },
  },
  ...(HEADERS[status] && { headers: HEADERS[status] }),
});

const text = (description: string) => ({ description, schema: { type: "string" as const } });
const HEADERS: Readonly<Record<number, Record<string, ReturnType<typeof text>>>> = {
  401: { "WWW-Authenticate": text("The challenge (RFC 6750), with the reason when the token was revoked.") },
  403: { "WWW-Authenticate": text("The challenge (RFC 6750), with the scope that is required.") },
  429: { "Retry-After": text("Seconds until another try is of use.") },
  503: { "Retry-After": text("Seconds until another try is of use.") },
};
