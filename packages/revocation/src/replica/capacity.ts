import { revocationError } from "../errors.ts";
import type { IndexStatistics } from "../revocation-index.ts";
import type { ReportEvent } from "./announcer.ts";

interface CapacityOptions {
  readonly maxEntries: number;
  readonly report: ReportEvent;
}

/** Speak up while there is still time to give the process more memory. */
const ALARM_SHARE = 0.8;

/**
 * Keeps the index from taking the process down. What does not fit is not applied at all: the replica falls behind and
 * stops to allow, which is safe, where dropping a record would allow what was revoked.
 */
export class Capacity {
  readonly #options: CapacityOptions;
  #alarmed = false;

  constructor(options: CapacityOptions) {
    this.#options = options;
  }

  /** Throws `capacity_reached` when so many entries cannot be held. */
  check(entries: number): void {
    const { maxEntries, report } = this.#options;
    const alarming = entries >= maxEntries * ALARM_SHARE;
    if (alarming && !this.#alarmed) report("capacity_alarm", { entries, maxEntries });
    this.#alarmed = alarming;
    if (entries <= maxEntries) return;
    throw revocationError("capacity_reached", {
      detail: `${entries} entries, and at most ${maxEntries} fit`,
    });
  }
}

export const entriesOf = ({ membership, cutoffs }: IndexStatistics): number => membership + cutoffs;
