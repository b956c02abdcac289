/** What a relay says to Prometheus. */
import { createMetrics, type Family, type MetricsOptions } from "@portcullis/service";
import type { Status } from "./status.ts";

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
    "outdated",
    "gauge",
    "Whether the log holds a record that this version does not know, so that no leases are given: update it.",
    ({ state }) => Number(state === "outdated"),
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
  ["followers", "gauge", "Open streams.", ({ openStreams }) => openStreams],
  ["leases", "gauge", "Verifiers that hold a lease.", ({ leases }) => leases],
  ["streams_opened_total", "counter", "Streams opened.", ({ streamsOpened }) => streamsOpened],
  [
    "streams_cut_total",
    "counter",
    "Streams cut because their verifiers were slow.",
    ({ streamsCutSlow }) => streamsCutSlow,
  ],
];

interface RelayMetricsOptions extends Omit<MetricsOptions, "families"> {
  readonly status: () => Status;
}

/** Returns the registry, whose `metrics()` is what `/metrics` answers. */
export function createRelayMetrics({ status, droppedLogLines, ofProcess }: RelayMetricsOptions) {
  const families = FAMILIES.map(
    ([name, type, help, read]): Family => ({
      name: `portcullis_relay_${name}`,
      type,
      help,
      read: () => read(status()),
    }),
  );
  return createMetrics({ families, droppedLogLines, ofProcess });
}
