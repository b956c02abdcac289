/** Acknowledgements a second that a server is to get when records come in a steady stream. */
const MAX_PER_SECOND = 4000;
/** So few may answer to every batch: receipts are at their fastest. */
const FEW_LEASES = 20;
/** As the wire form has it. */
const LONGEST_MS = 1000;

/** The member of a lease answer that says how often so many verifiers may acknowledge. */
export function ackIntervalFor(leases: number): { ackIntervalMs?: number } {
  if (leases < FEW_LEASES) return {};
  return { ackIntervalMs: Math.min(LONGEST_MS, (leases * 1000) / MAX_PER_SECOND) };
}
