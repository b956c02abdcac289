/**
 * CORS for an API that browsers call from other origins (Fetch, section 3.3). Any origin may: a call proves itself by the token that it
 * brings, which no browser adds by itself, and never by a cookie. So the answer does not allow credentials.
 */
import type { FastifyInstance } from "fastify";

const ANSWER_HEADERS = {
  "access-control-allow-origin": "*",
  // The challenge, when to come again, versions, and what was applied: without these a page sees none of them.
  "access-control-expose-headers":
    "ETag, Idempotent-Replayed, Preference-Applied, Retry-After, WWW-Authenticate",
};

const PREFLIGHT_HEADERS = {
  "access-control-allow-methods": "GET, POST, PATCH, DELETE",
  "access-control-allow-headers": "Authorization, Content-Type, Idempotency-Key, If-Match, Prefer",
  "access-control-max-age": "600",
};

/** For all routes of this plugin, errors and unknown paths too. Before any other hook: a preflight request has no token. */
export function allowAnyOrigin(app: FastifyInstance): void {
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(ANSWER_HEADERS);
    const isPreflight =
      request.method === "OPTIONS" && request.headers["access-control-request-method"] !== undefined;
    return isPreflight ? reply.code(204).headers(PREFLIGHT_HEADERS).send() : undefined;
  });
}
