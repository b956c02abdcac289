import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { Receipts } from "../revocations/index.ts";
import { receiptOf, statusOf } from "./send-receipt.ts";

/** Body of a change of state; may be left out. */
export const changeSchema = z.strictObject({
  /** Why, in words, for the audit; stays in SQL. */
  note: z
    .string()
    .max(2000)
    .regex(/^[^\0]*$/, "has a NUL character, which cannot be stored")
    .optional(),
});

export interface Change<State extends object> {
  readonly state: State;
  /** Of the record that ended something; undefined when the change ends nothing. */
  readonly seq: number | undefined;
}

/** The state as it is now, with the receipt of what ended by it. */
export async function sendChange<State extends object>(
  { request, reply }: { readonly request: FastifyRequest; readonly reply: FastifyReply },
  { state, seq }: Change<State>,
  receipts: Receipts,
): Promise<FastifyReply> {
  reply.header("cache-control", "no-store");
  if (seq === undefined) return reply.send(state);
  const receipt = await receiptOf(receipts, seq, { request, reply });
  return reply.code(statusOf(receipt)).send({ ...state, receipt });
}
