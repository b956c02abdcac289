import type { ClockReport } from "@portcullis/protocol";

/** What a relay says of itself: to whoever probes it, and to Prometheus (metrics.ts). */
export interface Status {
  readonly ready: boolean;
  readonly stopping: boolean;
  readonly state: string;
  /** Since the log was known to be complete; undefined: never. */
  readonly ageMs: number | undefined;
  /** This machine's wall clock against the issuer's; undefined: the issuer's time is not known. */
  readonly clock: ClockReport | undefined;
  readonly applied: number;
  /** Up to which seq nobody below may allow any more, as said upwards last. */
  readonly enforced: number;
  readonly records: number;
  readonly openStreams: number;
  readonly leases: number;
  readonly streamsOpened: number;
  readonly streamsCutSlow: number;
}
