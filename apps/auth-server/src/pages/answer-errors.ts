import { levelOfFailure } from "@portcullis/http-api";
import { type Log, PortcullisError } from "@portcullis/protocol";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { isAskedForByApps } from "../paths.ts";
import { errorPage } from "./error-page.ts";
import { securityHeaders } from "./security-headers.ts";

interface Answer {
  readonly status: number;
  readonly code: string;
  readonly text: string;
  readonly title?: string;
}

/** The one edge where an error becomes an answer: a page for a browser, JSON for everything else. */
export function answerErrors(app: FastifyInstance, operatorLog: Log): void {
  app.setErrorHandler((error: FastifyError | PortcullisError, request, reply) => {
    const answer = answerOf(error);
    // A full disk is reported once, not with each request that it turns away.
    if (answer.status >= 500 && answer.code !== "storage_full")
      operatorLog[levelOfFailure(error)]({ event: "request_failed", route: request.routeOptions.url, error });
    return send(request, reply, answer);
  });
  app.setNotFoundHandler((request, reply) =>
    send(request, reply, {
      status: 404,
      code: "not_found",
      title: "Not found",
      text: "There is no such page here.",
    }),
  );
}

const UNREADABLE: Readonly<Record<number, string>> = {
  413: "The request is too large. Send less.",
  415: "The request cannot be read: it must be a form (Content-Type: application/x-www-form-urlencoded).",
};

function answerOf(error: FastifyError | PortcullisError): Answer {
  if (error instanceof PortcullisError)
    return { status: error.status, code: error.code, text: error.message };
  const status = error.statusCode ?? 500;
  // Only what the framework says of a malformed request may leave the server.
  if (status < 500)
    return { status, code: "invalid_request", text: UNREADABLE[status] ?? "The request cannot be read." };
  return { status: 500, code: "server_error", text: "Something went wrong on our side. Try again shortly." };
}

function send(
  request: FastifyRequest,
  reply: FastifyReply,
  { status, code, text, title }: Answer,
): FastifyReply {
  const mayBePopup = isAskedForByApps(request.routeOptions.url ?? "");
  reply.code(status).headers(securityHeaders({ mayBePopup }));
  if (!wantsPage(request)) return reply.send({ error: code, error_description: text });
  const markup = errorPage({ code, text, ...(title === undefined ? {} : { title }) });
  return reply.type("text/html; charset=utf-8").send(markup);
}

const wantsPage = ({ headers }: FastifyRequest): boolean => headers.accept?.includes("text/html") === true;
