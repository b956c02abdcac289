/** How a call waits for the receipt of what it ends: `Prefer: wait=N` (RFC 7240, section 4.3). */
import type { Call } from "@portcullis/http-api";
import { parsePreferWait, type Receipt } from "@portcullis/protocol";
import { z } from "zod";
import type { Receipts } from "../receipts/receipts.ts";

/** Longest that a request may ask to wait for its receipt. */
const LONGEST_WAIT_SECONDS = 30;

/** Headers of a request whose answer is a receipt. */
export const preferSchema = z.object({
  Prefer: z
    .string()
    .optional()
    .meta({
      description: `\`wait=N\`: wait up to N seconds, at most ${LONGEST_WAIT_SECONDS}, until verifiers enforce it. Without it, the call answers at once, with what is known by then.`,
      example: "wait=2",
    }),
});

/** Headers of its answer. */
export const PREFERENCE_APPLIED = {
  "Preference-Applied": "What of `Prefer` was applied: `wait=N` with the seconds that were granted.",
};

export interface ReceiptAnswer {
  /** 202 while a verifier may still allow what was ended. */
  readonly status: 200 | 202;
  readonly receipt: Receipt;
  readonly headers: Readonly<Record<string, string>>;
}

/** Waits for the receipt of a record as the call asks. Stops when its caller hangs up. */
export async function waitForReceipt(
  { receipts, require }: { readonly receipts: Receipts; readonly require?: "all" | "quorum" | undefined },
  seq: number,
  { headers, gone }: Pick<Call<unknown, unknown, z.output<typeof preferSchema>>, "headers" | "gone">,
): Promise<ReceiptAnswer> {
  const asked = parsePreferWait(headers.Prefer);
  const seconds = asked === undefined ? undefined : Math.min(asked, LONGEST_WAIT_SECONDS);
  const receipt = await receipts.wait(seq, (seconds ?? 0) * 1000, gone(), require);
  const status = receipt.state === "pending" ? 202 : 200;
  return {
    status,
    receipt,
    headers: seconds === undefined ? {} : { "preference-applied": `wait=${seconds}` },
  };
}
