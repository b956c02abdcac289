/** The two wire forms that errors of our APIs have, and the one place where an error gets its form. */
import { type Log, PortcullisError } from "@portcullis/protocol";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { httpApiError } from "./errors.ts";
import { type Problem, ProblemsError } from "./problems.ts";
import { RetryLaterError } from "./retry-later.ts";

/** An error as its caller may see it. */
interface PublicError {
  readonly status: number;
  readonly code: string;
  readonly text: string;
  readonly problems?: readonly Problem[];
}

/** Why a caller is refused, as RFC 6750 says it. What the body looks like follows from the form of the mount. */
export interface CallerRefusal {
  readonly status: number;
  /** Lower-case names: the challenge, or when to come again. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: RefusalBody;
}

export interface RefusalBody {
  /** Of RFC 6750, section 3.1, or one of `CALLER_ERRORS`. */
  readonly error: string;
  readonly error_description: string;
  /** Why the token is dead, when it was revoked, and the mode of that revocation. */
  readonly reason?: string;
  readonly mode?: string;
}

export interface ErrorForm {
  readonly mediaType: string;
  readonly schema: z.ZodType;
  /** The code that the form gives to an error of the catalogue. */
  codeOf(error: Pick<PublicError, "status" | "code">): string;
  bodyOf(error: PublicError): unknown;
  /** Of a caller that is refused: RFC 6750 names its members, and OAuth clients read them, in either form. */
  refusalOf(refusal: Pick<CallerRefusal, "status" | "body">): unknown;
}

const problemsSchema = z
  .array(z.object({ field: z.string(), message: z.string() }))
  .describe("Everything that is wrong with the request, each with the dotted path of its field.")
  .optional();

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  412: "Precondition Failed",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  503: "Service Unavailable",
};

const oauthMembers = {
  reason: z.string().describe("Why the token is dead, when it was revoked.").optional(),
  mode: z.string().describe("Of the revocation that denies the token.").optional(),
};

/** RFC 9457, with the code of the catalogue and every problem of a request at once. */
export const PROBLEM_DETAILS: ErrorForm = {
  mediaType: "application/problem+json",
  schema: z
    .object({
      type: z.literal("about:blank"),
      status: z.int().describe("As the status line has it."),
      title: z.string().describe("The status in words."),
      detail: z.string().describe("What went wrong, for a person. It may change."),
      code: z.string().describe("Of the catalogue. Branch on this."),
      problems: problemsSchema,
      error: z
        .string()
        .describe("As RFC 6750 has it, of a caller that is refused. The same as `code`.")
        .optional(),
      error_description: z.string().describe("The same as `detail`, where there is `error`.").optional(),
      ...oauthMembers,
    })
    .describe("RFC 9457"),
  codeOf: ({ code }) => code,
  bodyOf: ({ status, code, text, problems }) => ({
    type: "about:blank",
    status,
    title: TITLES[status] ?? "Internal Server Error",
    detail: text,
    code,
    ...(problems === undefined ? {} : { problems }),
  }),
  refusalOf: ({ status, body }) => ({
    ...(PROBLEM_DETAILS.bodyOf({ status, code: body.error, text: body.error_description }) as object),
    ...body,
  }),
};

/** As RFC 6749 writes errors. The callers of the feed know an outage by one code, whatever is behind it. */
export const OAUTH_ERROR: ErrorForm = {
  mediaType: "application/json",
  schema: z
    .object({
      error: z.string().describe("Of the catalogue, or of RFC 6750. Branch on this."),
      error_description: z.string().describe("What went wrong, for a person. It may change."),
      problems: problemsSchema,
      ...oauthMembers,
    })
    .describe("RFC 6749, section 5.2"),
  codeOf: ({ status, code }) => (status === 503 && code !== "log_full" ? "temporarily_unavailable" : code),
  bodyOf: (error) => ({
    error: OAUTH_ERROR.codeOf(error),
    error_description: error.text,
    ...(error.problems === undefined ? {} : { problems: error.problems }),
  }),
  refusalOf: ({ body }) => body,
};

export interface ErrorHandlerOptions {
  readonly form: ErrorForm;
  /** What is private goes here alone. */
  readonly log: Pick<Log, "warn" | "error">;
}

/**
 * Returns how bad it is that a request failed. A 503 of ours is an outage: what is away, or full, is told of by the part that
 * needs it, and requests work again once it is back. Everything else is a fault of this process.
 */
export const levelOfFailure = (error: unknown): "warn" | "error" =>
  error instanceof PortcullisError && error.status === 503 ? "warn" : "error";

/** Returns the handler that answers errors in one form. */
export function createErrorHandler({ form, log }: ErrorHandlerOptions) {
  return (error: FastifyError | PortcullisError, request: FastifyRequest, reply: FastifyReply) => {
    const shown = publicErrorOf(error);
    if (shown.status >= 500)
      log[levelOfFailure(error)]({ event: "request_failed", route: request.routeOptions.url, error });
    const seconds = error instanceof RetryLaterError ? error.retryAfterSeconds : 1;
    if (isWorthAnotherTry(shown)) reply.header("retry-after", String(seconds));
    return send(reply.code(shown.status), form, form.bodyOf(shown));
  };
}

/** A full disk, a busy store, a call that is still being made; never what the caller did wrong. */
const isWorthAnotherTry = ({ status, code }: PublicError): boolean =>
  status === 503 || status === 429 || code === "idempotency_key_in_progress";

/** Answers a caller that is refused. */
export const sendRefusal = (reply: FastifyReply, refusal: CallerRefusal, form: ErrorForm): FastifyReply =>
  send(reply.code(refusal.status).headers(refusal.headers), form, form.refusalOf(refusal));

/** As bytes: of texts Fastify would know JSON by its own media type alone. */
const send = (reply: FastifyReply, form: ErrorForm, body: unknown): FastifyReply =>
  reply
    .headers({ "content-type": contentTypeOf(form), "cache-control": "no-store" })
    .send(Buffer.from(JSON.stringify(body)));

const contentTypeOf = ({ mediaType }: ErrorForm): string =>
  mediaType === "application/json" ? "application/json; charset=utf-8" : mediaType;

function publicErrorOf(error: FastifyError | PortcullisError): PublicError {
  if (error instanceof PortcullisError && (error.status < 500 || error.status === 503)) {
    const { status, code, message: text } = error;
    return { status, code, text, ...(error instanceof ProblemsError ? { problems: error.problems } : {}) };
  }
  const status = "statusCode" in error && error.statusCode !== undefined ? error.statusCode : 500;
  // Malformed JSON, another media type, too large: found by Fastify before any field could be read.
  return status < 500
    ? {
        status,
        code: "invalid_request",
        text: error.message,
        problems: [{ field: "body", message: error.message }],
      }
    : SERVER_ERROR;
}

/** Returns the answer to what nobody expected, as `createErrorHandler` gives it. */
export const serverErrorIn = (form: ErrorForm) => ({
  status: SERVER_ERROR.status,
  headers: { "content-type": contentTypeOf(form) },
  body: JSON.stringify(form.bodyOf(SERVER_ERROR)),
});

const SERVER_ERROR: PublicError = httpApiError.definitions("server_error")[0]!;
