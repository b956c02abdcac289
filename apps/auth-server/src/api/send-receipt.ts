import type { Receipt } from "@portcullis/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import { gone, type Receipts, waitOf } from "../revocations/index.ts";

/** The receipt of what was just ended, waited for as the caller asked (`Prefer: wait=N`). */
export async function receiptOf(
  receipts: Receipts,
  seq: number,
  { request, reply }: { readonly request: FastifyRequest; readonly reply: FastifyReply },
): Promise<Receipt> {
  const waitSeconds = waitOf(request);
  if (waitSeconds !== undefined) reply.header("preference-applied", `wait=${waitSeconds}`);
  return receipts.wait(seq, (waitSeconds ?? 0) * 1000, gone(reply));
}

/** 202 while a verifier may still allow what was ended. */
export const statusOf = ({ state }: Receipt): 200 | 202 => (state === "pending" ? 202 : 200);
