import type { FastifyInstance } from "fastify";
import type { Provider } from "oidc-provider";
import { LIBRARY_PATHS } from "./routes.ts";

/** The library's endpoints: it reads bodies and writes answers by itself, so Fastify keeps its hands off both. */
export function libraryRoutes(provider: Provider) {
  const handle = provider.callback();
  return async (app: FastifyInstance): Promise<void> => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser("*", (_request, _payload, done) => done(null));
    for (const url of LIBRARY_PATHS) {
      app.route({
        method: ["GET", "POST", "OPTIONS"],
        url,
        exposeHeadRoute: true,
        handler: (request, reply) => {
          reply.hijack();
          return handle(request.raw, reply.raw);
        },
      });
    }
  };
}
