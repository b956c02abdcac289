import type { FastifyInstance } from "fastify";
import { sql } from "kysely";
import type { Storage } from "./storage/storage.ts";

/** For whoever starts and watches this server. Says nothing about what is inside. */
export function healthRoutes({ storage }: { storage: Storage }) {
  return async (app: FastifyInstance): Promise<void> => {
    app.get("/health/live", async () => ({ status: "live" }));
    app.get("/health/ready", async (_request, reply) => {
      try {
        await sql`select 1`.execute(storage.read);
        return { status: "ready" };
      } catch {
        return reply.code(503).send({ status: "not_ready" });
      }
    });
  };
}
