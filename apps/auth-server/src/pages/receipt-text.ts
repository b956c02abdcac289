import type { Receipt } from "@portcullis/protocol";

/** What a receipt means, in words for a user. */
export function receiptText(receipt: Receipt): string {
  const { acked, leased, elapsedMs } = receipt;
  if (receipt.state === "pending") {
    const until = receipt.enforcedBy === undefined ? "shortly" : `by ${receipt.enforcedBy} at the latest`;
    return `enforced by ${acked} of ${verifiers(leased)} so far, and by all of them ${until}`;
  }
  // None that acked is left, or none holds a lease: nobody can still let the old access through.
  if (leased === 0) return "no verifier is running that could still accept the old access";
  return `enforced by ${acked} of ${verifiers(leased)} in ${Math.max(1, Math.round(elapsedMs))} ms`;
}

const verifiers = (count: number): string => (count === 1 ? "1 verifier" : `${count} verifiers`);
