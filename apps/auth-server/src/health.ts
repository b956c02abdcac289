import type { FastifyInstance } from "fastify";
import { sql } from "kysely";
import type { Storage } from "./storage/storage.ts";
import { withinTimeLimit } from "./storage/within-time-limit.ts";

/** Whoever asks waits a few seconds at most. */
const LIMIT_MS = 3000;

/** For whoever starts and watches this server. Says nothing about what is inside. */
export function healthRoutes({ storage }: { storage: Storage }) {
  return async (app: FastifyInstance): Promise<void> => {
    app.get("/health/live", async () => ({ status: "live" }));
    app.get("/health/ready", async (_request, reply) => {
      try {
        await withinTimeLimit(LIMIT_MS, () => answers(storage));
        return { status: "ready", ...spaceOf(storage) };
      } catch {
        return reply.code(503).send({ status: "not_ready", reason: reasonOf(storage) });
      }
    });
  };
}

/** A server that reads but cannot write gives out tokens that nobody can revoke: it is not ready. */
async function answers(storage: Storage): Promise<void> {
  await sql`select 1`.execute(storage.read);
  await storage.checkWritable();
}

/** Still ready: what a server on its reserve can do is revoke, and whoever balances requests must not take that away. */
const spaceOf = ({ space }: Storage) => (space === "ample" ? {} : { space });

const reasonOf = ({ space }: Storage) => (space === "ample" ? "storage_unavailable" : "storage_full");
