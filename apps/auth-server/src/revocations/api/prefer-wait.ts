import { parsePreferWait } from "@portcullis/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";

/** Longest that a request may ask to wait for its receipt. */
export const LONGEST_WAIT_SECONDS = 30;

/** Seconds that `Prefer: wait=N` asks for, as far as they are granted. */
export function waitOf(request: FastifyRequest): number | undefined {
  const header = request.headers.prefer;
  const asked = parsePreferWait(Array.isArray(header) ? header.join(",") : header);
  return asked === undefined ? undefined : Math.min(asked, LONGEST_WAIT_SECONDS);
}

/** Aborts when the caller hangs up: nobody is left to wait for the receipt. */
export function gone(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once("close", () => controller.abort());
  return controller.signal;
}
