/** How a call waits for the receipt of what it ends: `Prefer: wait=N` (RFC 7240, section 4.3). */
import { type Call, grantWait, PREFER_WAIT } from "@portcullis/http-api";
import type { Receipt } from "@portcullis/protocol";
import { z } from "zod";
import type { Receipts } from "../receipts/receipts.ts";

/** Headers of a request whose answer is a receipt. */
export const preferSchema = z.object(PREFER_WAIT);

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
  const { milliseconds, headers: granted } = grantWait(headers.Prefer);
  const receipt = await receipts.waitForRecipients(seq, milliseconds, gone(), require);
  return { status: receipt.state === "pending" ? 202 : 200, receipt, headers: granted };
}
