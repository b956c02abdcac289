import type { FastifyInstance } from "fastify";

const BODY_LIMIT_BYTES = 16 * 1024;

/** Its own parser: what the rest of the server does with bodies must not change this API. */
export function readJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    "application/json",
    { parseAs: "string", bodyLimit: BODY_LIMIT_BYTES },
    app.getDefaultJsonParser("error", "error"),
  );
}
