import type { Receipt } from "@portcullis/protocol";
import { visible } from "./table.ts";
import { clockTime, duration } from "./times.ts";

/** How far a revocation has got, in a sentence or two. */
export function receiptText(receipt: Receipt, now: number): string {
  if (receipt.state === "enforced") return enforcedText(receipt);
  const late = laggardsText(receipt, now);
  if (receipt.state === "pending") return `Pending: ${late}`;
  return `Enforced by ${ofVerifiers(receipt)} after ${duration(receipt.elapsedMs)}, a quorum. Still open: ${late}`;
}

function enforcedText(receipt: Receipt): string {
  const { acked, leased, elapsedMs } = receipt;
  if (leased === 0) return "Enforced: no verifier holds a lease, so none can allow it.";
  const done = `Enforced by ${ofVerifiers(receipt)} after ${duration(elapsedMs)}.`;
  const ended = leased - acked;
  if (ended <= 0) return done;
  return `${done} ${ended === 1 ? "The other has" : `The other ${ended} have`} no lease any more, and so allow${ended === 1 ? "s" : ""} nothing.`;
}

function laggardsText({ laggards = [], leased, enforcedBy }: Receipt, now: number): string {
  const names = laggards.map(visible).join(", ");
  const [has, it] = laggards.length === 1 ? ["has", "It"] : ["have", "They"];
  const by = enforcedBy === undefined ? "" : ` ${it} must by ${clockTime(enforcedBy, now)}.`;
  return `${laggards.length} of ${leased} ${has} not confirmed: ${names}.${by}`;
}

const ofVerifiers = ({ acked, leased }: Receipt): string =>
  `${acked} of ${leased} ${leased === 1 ? "verifier" : "verifiers"}`;
