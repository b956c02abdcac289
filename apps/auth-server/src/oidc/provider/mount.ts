import type { IncomingMessage, ServerResponse } from "node:http";
import type { FastifyInstance } from "fastify";
import { LIBRARY_PATHS } from "../../paths.ts";

export type LibraryHandler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** The library's endpoints, with the signing keys of this moment: it reads bodies and writes answers by itself, so Fastify keeps its hands off both. */
export function libraryRoutes(currentHandler: () => Promise<LibraryHandler>) {
  return async (app: FastifyInstance): Promise<void> => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser("*", (_request, _payload, done) => done(null));
    for (const url of LIBRARY_PATHS) {
      app.route({
        method: ["GET", "POST", "OPTIONS"],
        url,
        exposeHeadRoute: true,
        handler: async (request, reply) => {
          const handle = await currentHandler();
          reply.hijack();
          return handle(request.raw, reply.raw);
        },
      });
    }
  };
}
