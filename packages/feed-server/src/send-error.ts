import { hasCode, PortcullisError } from "@portcullis/protocol";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { ProblemsError } from "./problems.ts";

interface WireError {
  readonly error: string;
  readonly error_description: string;
  readonly problems?: readonly { readonly field: string; readonly message: string }[];
}

export interface SendErrorOptions {
  readonly report: (event: { readonly event: string; readonly [detail: string]: unknown }) => void;
}

/** The one place where an error of this API gets its wire form. What is private goes to the report alone. */
export function createErrorHandler({ report }: SendErrorOptions) {
  return (error: FastifyError | PortcullisError, request: FastifyRequest, reply: FastifyReply) => {
    const { status, body } = wireFormOf(error);
    if (status >= 500)
      report({ event: "request_failed", route: request.routeOptions.url, ...privateOf(error) });
    // Try again: of use for a full disk or a busy store; never for what the caller did wrong.
    if (status === 503 || status === 429) reply.header("retry-after", "1");
    return reply.code(status).header("cache-control", "no-store").send(body);
  };
}

function wireFormOf(error: FastifyError | PortcullisError): { status: number; body: WireError } {
  if (error instanceof ProblemsError) {
    const { status, message, problems } = error;
    return { status, body: { error: "invalid_request", error_description: message, problems } };
  }
  if (error instanceof PortcullisError && error.status < 500) {
    // A key that does not fit its scope and the like: the engine's own codes, all of them about the request.
    return { status: error.status, body: { error: error.code, error_description: error.message } };
  }
  if (error instanceof PortcullisError && error.status === 503) {
    const code = hasCode(error, "log_full") ? error.code : "temporarily_unavailable";
    return { status: 503, body: { error: code, error_description: error.message } };
  }
  const status = "statusCode" in error && error.statusCode !== undefined ? error.statusCode : 500;
  if (status < 500) return { status, body: unreadableBody(error.message) };
  return {
    status: 500,
    body: { error: "server_error", error_description: "Something failed here; it was logged." },
  };
}

/** Malformed JSON, another media type, too large: found by Fastify before any field could be read. */
function unreadableBody(message: string): WireError {
  return {
    error: "invalid_request",
    error_description: message,
    problems: [{ field: "body", message }],
  };
}

function privateOf(error: Error): Record<string, unknown> {
  const { code, detail } = error as Partial<PortcullisError>;
  return { code, message: error.message, detail, stack: code === undefined ? error.stack : undefined };
}
