import type { Family, Sample } from "@portcullis/service";
import type { Status } from "./status.ts";

const NAME = "portcullis_gateway";

/** What `/status` says, as numbers. `readStatus` is called once a family: it only reads what is in memory. */
export function metricFamilies(readStatus: () => Status): Family[] {
  const gauge = (name: string, help: string, read: (status: Status) => number | undefined): Family => ({
    name: `${NAME}_${name}`,
    type: "gauge",
    help,
    read: () => read(readStatus()),
  });
  const labelled = (
    family: Pick<Family, "type" | "help"> & { readonly name: string; readonly labels: readonly string[] },
    read: (status: Status) => readonly Sample[],
  ): Family => ({ ...family, name: `${NAME}_${family.name}`, read: () => read(readStatus()) });
  return [
    gauge("ready", "Whether requests are served.", ({ ready }) => Number(ready)),
    labelled(
      { name: "replica_state", type: "gauge", help: "State of the list of revocations.", labels: ["state"] },
      ({ replica: { state } }) => [{ labels: { state }, value: 1 }],
    ),
    gauge("replica_applied", "Newest revocation applied.", ({ replica }) => replica.applied),
    gauge("replica_age_seconds", "Since the list was last confirmed.", ({ replica: { ageMs } }) =>
      ageMs === null ? undefined : ageMs / 1000,
    ),
    gauge(
      "clock_off",
      "Whether the clock differs from the issuer's by more than the skew, so that nothing is allowed.",
      ({ replica: { clock } }) => (clock === null ? undefined : Number(clock.isOff)),
    ),
    gauge("clock_offset_seconds", "How far the clock is ahead of the issuer's.", ({ replica: { clock } }) =>
      clock === null ? undefined : clock.offsetMs / 1000,
    ),
    labelled(
      {
        name: "decisions_total",
        type: "counter",
        help: "Decisions about tokens; unconfirmed ones are allowed, and those refused by the clock unavailable, too.",
        labels: ["outcome"],
      },
      ({ decisions }) =>
        Object.entries(decisions).map(([outcome, value]) => ({
          labels: { outcome: outcomeName(outcome) },
          value,
        })),
    ),
    labelled(
      {
        name: "introspections_total",
        type: "counter",
        help: "Tokens that the issuer was to be asked about; for kept and malformed ones there was no need, and those turned away were not asked about.",
        labels: ["outcome"],
      },
      ({ introspection }) =>
        Object.entries(introspection ?? {}).map(([outcome, value]) => ({
          labels: { outcome: outcomeName(outcome) },
          value,
        })),
    ),
    labelled(
      {
        name: "requests_total",
        type: "counter",
        help: "Requests answered; 499: the client left before.",
        labels: ["route", "code"],
      },
      ({ requests }) =>
        requests.map(({ route, status, count }) => ({
          labels: { route, code: String(status) },
          value: count,
        })),
    ),
    labelled(
      {
        name: "refusals_total",
        type: "counter",
        help: "Requests that the gateway answered itself, by error code.",
        labels: ["code"],
      },
      ({ refusals }) => refusals.map(({ code, count }) => ({ labels: { code }, value: count })),
    ),
    labelled(
      {
        name: "upstream_connections",
        type: "gauge",
        help: "Connections in use, by service.",
        labels: ["upstream"],
      },
      ({ upstreams }) =>
        upstreams.map(({ origin, connections }) => ({ labels: { upstream: origin }, value: connections })),
    ),
    labelled(
      {
        name: "upstream_waiting",
        type: "gauge",
        help: "Requests that wait for a connection, by service.",
        labels: ["upstream"],
      },
      ({ upstreams }) =>
        upstreams.map(({ origin, waiting }) => ({ labels: { upstream: origin }, value: waiting })),
    ),
    gauge("buffered_bytes", "Memory for bodies that wait here.", ({ bufferedBytes }) => bufferedBytes),
  ];
}

const outcomeName = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
