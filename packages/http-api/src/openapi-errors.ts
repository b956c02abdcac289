import type { ErrorDefinition } from "@portcullis/protocol";
import type { DeclaredRoute } from "./declare-route.ts";
import { type ErrorForm, OAUTH_ERROR } from "./error-forms.ts";
import { callerErrorsOf, commonErrorsOf } from "./errors-of-route.ts";

interface FormedError extends ErrorDefinition {
  readonly form: ErrorForm;
}

/** Returns what a route is refused with, by status; each code with an example, in the form that it has on the wire. */
export function responsesToErrors(route: DeclaredRoute, form: ErrorForm) {
  const refusals = callerErrorsOf(route).map((error) => ({ ...error, form: OAUTH_ERROR }));
  const errors = [...commonErrorsOf(route), ...route.errors].map((error) => ({
    ...error,
    code: form.codeOf(error),
    form,
  }));
  const byStatus = Map.groupBy(withoutRepeats([...errors, ...refusals]), ({ status }) => status);
  return Object.fromEntries([...byStatus].map(([status, some]) => [status, responseOf(status, some)]));
}

/** Some causes are one to a caller: the same code in the same form. */
const withoutRepeats = (errors: readonly FormedError[]): FormedError[] =>
  errors.filter((error, at) => errors.findIndex((other) => isSame(error, other)) === at);

const isSame = (left: FormedError, right: FormedError): boolean =>
  left.status === right.status && left.code === right.code && left.form.mediaType === right.form.mediaType;

function responseOf(status: number, errors: readonly FormedError[]) {
  const byForm = Map.groupBy(errors, ({ form }) => form);
  return {
    description: errors.map(({ code, text }) => `\`${code}\`: ${text}`).join("\n\n"),
    content: Object.fromEntries([...byForm].map(([form, some]) => [form.mediaType, contentOf(form, some)])),
    ...(HEADERS[status] && { headers: HEADERS[status] }),
  };
}

const contentOf = (form: ErrorForm, errors: readonly FormedError[]) => ({
  schema: form.schema,
  examples: Object.fromEntries(errors.map((error) => [error.code, { value: exampleOf(form, error) }])),
});

function exampleOf(form: ErrorForm, { status, code, text }: FormedError): unknown {
  const isAboutFields = code === "invalid_request" && status === 400;
  const problems = isAboutFields ? { problems: [{ field: "name", message: "What is wrong with it." }] } : {};
  return form.bodyOf({ status, code, text, ...problems });
}

const text = (description: string) => ({ description, schema: { type: "string" as const } });
const HEADERS: Readonly<Record<number, Record<string, ReturnType<typeof text>>>> = {
  401: { "WWW-Authenticate": text("The challenge (RFC 6750), with the reason when the token was revoked.") },
  403: { "WWW-Authenticate": text("The challenge (RFC 6750), with the scope that is required.") },
  429: { "Retry-After": text("Seconds until another try is of use.") },
  503: { "Retry-After": text("Seconds until another try is of use.") },
};
