import { ProblemsError } from "@portcullis/feed-server";
import { PortcullisError } from "@portcullis/protocol";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import type { Report } from "../logging/report.ts";

/** RFC 9457, with the code of the catalogue and every problem of a request at once. */
interface Problem {
  readonly type: "about:blank";
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly code: string;
  readonly problems?: readonly { readonly field: string; readonly message: string }[];
}

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  404: "Not Found",
  409: "Conflict",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  429: "Too Many Requests",
  503: "Service Unavailable",
};

/** The one place where an error of the API gets its wire form. What is private goes to the report alone. */
export function createProblemHandler(report: Report) {
  return (error: FastifyError | PortcullisError, request: FastifyRequest, reply: FastifyReply) => {
    const problem = problemOf(error);
    if (problem.status >= 500) report({ event: "request_failed", route: request.routeOptions.url, error });
    if (problem.status === 503 || problem.status === 429) reply.header("retry-after", "1");
    // As bytes: of texts Fastify would know JSON by its own media type alone.
    return reply
      .code(problem.status)
      .headers({ "content-type": "application/problem+json", "cache-control": "no-store" })
      .send(Buffer.from(JSON.stringify(problem)));
  };
}

function problemOf(error: FastifyError | PortcullisError): Problem {
  if (error instanceof PortcullisError && (error.status < 500 || error.status === 503)) {
    const { status, code, message } = error;
    const problems = error instanceof ProblemsError ? { problems: error.problems } : {};
    return problem(status, { code, detail: message, ...problems });
  }
  const status = "statusCode" in error && error.statusCode !== undefined ? error.statusCode : 500;
  // Malformed JSON, another media type, too large: found by Fastify before any field could be read.
  if (status < 500) return problem(status, { code: "invalid_request", detail: error.message });
  return problem(500, { code: "server_error", detail: "Something failed here; it was logged." });
}

const problem = (status: number, rest: Pick<Problem, "code" | "detail" | "problems">): Problem => ({
  type: "about:blank",
  status,
  title: TITLES[status] ?? "Internal Server Error",
  ...rest,
});
