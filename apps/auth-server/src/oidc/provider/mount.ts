import type { IncomingMessage, ServerResponse } from "node:http";
import { refuseMethodsBut } from "@portcullis/http-api";
import type { FastifyInstance } from "fastify";
import { LIBRARY_PATHS, POSTED_PATHS } from "../../paths.ts";
import { showRefusals } from "./cors.ts";

export type LibraryHandler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** The library's endpoints, with the signing keys of this moment: it reads bodies and writes answers by itself, so Fastify keeps its hands off both. */
export function libraryRoutes(currentHandler: () => Promise<LibraryHandler>) {
  return async (app: FastifyInstance): Promise<void> => {
    showRefusals(app);
    app.removeAllContentTypeParsers();
    app.addContentTypeParser("*", (_request, _payload, done) => done(null));
    for (const [url, allowed] of Object.entries(LIBRARY_PATHS)) {
      refuseMethodsBut(POSTED_PATHS.includes(url) ? [...allowed, "POST"] : allowed, { app, url });
      app.route({
        method: [...allowed],
        url,
        exposeHeadRoute: false,
        handler: async (request, reply) => {
          const handle = await currentHandler();
          reply.hijack();
          return handle(request.raw, reply.raw);
        },
      });
    }
  };
}
