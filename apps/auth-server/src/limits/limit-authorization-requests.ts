import type { FastifyInstance } from "fastify";
import { limitError } from "./errors.ts";
import type { RateLimit } from "./rate-limit.ts";

/** Each request that begins a sign-in leaves a row behind, and anybody can send it. */
export function limitAuthorizationRequests(
  app: FastifyInstance,
  { path, limit }: { readonly path: string; readonly limit: RateLimit },
): void {
  app.addHook("onRequest", async (request, reply) => {
    if (request.routeOptions.url !== path) return;
    const { retryAfterMs } = await limit.take(request.ip);
    if (retryAfterMs === 0) return;
    reply.header("retry-after", Math.ceil(retryAfterMs / 1000));
    throw limitError("too_many_sign_ins");
  });
}
