import type { ClockReport } from "@portcullis/protocol";
import { renderLogMetric } from "@portcullis/service";

/** What a relay says of itself: to whoever probes it, and to Prometheus. */
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
  readonly followers: number;
  readonly leases: number;
  readonly streamsOpened: number;
  readonly streamsCutSlow: number;
  readonly logLinesDropped: number;
}

export const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const FAMILIES: readonly [
  name: string,
  type: "gauge" | "counter",
  help: string,
  value: (status: Status) => number | undefined,
][] = [
  ["ready", "gauge", "Whether leases are given.", ({ ready }) => Number(ready)],
  [
    "age_seconds",
    "gauge",
    "Since the log was known to be complete.",
    ({ ageMs }) => (ageMs === undefined ? undefined : ageMs / 1000),
  ],
  [
    "clock_off",
    "gauge",
    "Whether the clock differs from the issuer's by more than the skew, so that nobody is let in.",
    ({ clock }) => clock && Number(clock.isOff),
  ],
  [
    "clock_offset_seconds",
    "gauge",
    "How far the clock is ahead of the issuer's.",
    ({ clock }) => clock && clock.offsetMs / 1000,
  ],
  ["applied", "gauge", "Newest revocation that is passed on.", ({ applied }) => applied],
  ["enforced", "gauge", "Newest revocation that all below enforce.", ({ enforced }) => enforced],
  ["records", "gauge", "Live revocations in memory.", ({ records }) => records],
  ["followers", "gauge", "Open streams.", ({ followers }) => followers],
  ["leases", "gauge", "Verifiers that hold a lease.", ({ leases }) => leases],
  ["streams_opened_total", "counter", "Streams opened.", ({ streamsOpened }) => streamsOpened],
  [
    "streams_cut_total",
    "counter",
    "Streams cut because their readers were slow.",
    ({ streamsCutSlow }) => streamsCutSlow,
  ],
];

/** Prometheus text format 0.0.4. */
export function renderMetrics(status: Status): string {
  const families = FAMILIES.map(([shortName, type, help, read]) => {
    const name = `portcullis_relay_${shortName}`;
    const value = read(status);
    const sample = value === undefined ? "" : `${name} ${value}\n`;
    return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${sample}`;
  });
  return [...families, renderLogMetric(status.logLinesDropped)].join("");
}
