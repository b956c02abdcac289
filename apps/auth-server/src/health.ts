import type { FastifyInstance } from "fastify";
import type { AskReadiness } from "./management/readiness.ts";

/** For whoever starts and watches this server from where clients connect. Says nothing about what is inside. */
export function healthRoutes({ readiness }: { readiness: AskReadiness }) {
  return async (app: FastifyInstance): Promise<void> => {
    app.get("/health/live", async () => ({ status: "live" }));
    app.get("/health/ready", async (_request, reply) => {
      const { ready, ...details } = await readiness();
      return reply.code(ready ? 200 : 503).send({ status: ready ? "ready" : "not_ready", ...details });
    });
  };
}
