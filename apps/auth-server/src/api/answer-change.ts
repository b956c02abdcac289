/** What all changes of a state have in common: body, answers and receipt. */
import { type Call, ETAG, etagOf, type PREFER_WAIT } from "@portcullis/http-api";
import { z } from "zod";
import { ENFORCED, PENDING, type Receipts, waitForReceipt } from "../revocations/index.ts";

/** Body of a change of state; may be left out. */
export const changeSchema = z.strictObject({
  note: z
    .string()
    .max(2000)
    .regex(/^[^\0]*$/, "has a NUL character, which cannot be stored")
    .optional()
    .describe("Why, in words, for the audit. Verifiers do not see it."),
});

export const CHANGE_BODY = {
  schema: changeSchema,
  example: { note: "left the company" },
  mayBeAbsent: true,
} as const;

export interface Change<State extends object> {
  readonly state: State;
  /** Of the record that ended something; undefined when the change ends nothing. */
  readonly seq: number | undefined;
  /** Of what has one, as it is now: the `ETag` of the answer. */
  readonly revision?: number;
}

/** What a `PATCH` is declared to answer, which may end something. `what` it is of: "The user". */
export const changedAnswer = <Schema extends z.ZodType>(
  what: string,
  { schema, example }: { readonly schema: Schema; readonly example: object },
) => ({
  schema,
  says: {
    enforced: `${what} as it is now. Every verifier refuses what has ended.`,
    pending: `${what} as it is now. A verifier may still allow what has ended, until \`enforcedBy\` at the latest.`,
  },
  examples: { enforced: { ...example, receipt: ENFORCED }, pending: { ...example, receipt: PENDING } },
  headers: ETAG,
});

/** The answer of an ending: the state as it is now, with the receipt of what ended by it. */
export async function answerChange<State extends object>(
  { state, seq, revision }: Change<State>,
  receipts: Receipts,
  call: Pick<Call<unknown, unknown, z.output<z.ZodObject<typeof PREFER_WAIT>>>, "headers" | "gone">,
) {
  const etag = revision === undefined ? {} : etagOf(revision);
  if (seq === undefined) return { status: 200 as const, headers: etag, body: state };
  const { status, receipt, headers } = await waitForReceipt({ receipts }, seq, call);
  return { status, headers: { ...etag, ...headers }, body: { ...state, receipt } };
}
