import formbody from "@fastify/formbody";
import type { FastifyInstance } from "fastify";

const LIMIT_BYTES = 8 * 1024;

/** Forms and nothing else are read as bodies here. A field that comes twice is a list: that of boxes which are ticked. */
export function readForms(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  void app.register(formbody, { bodyLimit: LIMIT_BYTES });
  app.addHook("preHandler", async (request) => {
    // A POST without a body has none to read.
    request.body ??= {};
  });
}
