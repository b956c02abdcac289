import { renderLogMetric } from "@portcullis/service";
import type { Status } from "./status.ts";

type Sample = readonly [labels: Readonly<Record<string, string | number>>, value: number];

/** Prometheus text format 0.0.4. */
export function renderMetrics(status: Status): string {
  const { replica, decisions, requests, refusals, upstreams } = status;
  return [
    family("gauge", "ready", "Whether requests are served.", [[{}, Number(status.ready)]]),
    family("gauge", "replica_state", "State of the list of revocations.", [[{ state: replica.state }, 1]]),
    family("gauge", "replica_applied", "Newest revocation applied.", [[{}, replica.applied]]),
    family(
      "gauge",
      "replica_age_seconds",
      "Since the list was last confirmed.",
      replica.ageMs === null ? [] : [[{}, replica.ageMs / 1000]],
    ),
    family(
      "gauge",
      "clock_off",
      "Whether the clock differs from the issuer's by more than the skew, so that nothing is allowed.",
      replica.clock === null ? [] : [[{}, Number(replica.clock.isOff)]],
    ),
    family(
      "gauge",
      "clock_offset_seconds",
      "How far the clock is ahead of the issuer's.",
      replica.clock === null ? [] : [[{}, replica.clock.offsetMs / 1000]],
    ),
    family(
      "counter",
      "decisions_total",
      "Decisions about tokens; unconfirmed ones are allowed, and those refused by the clock unavailable, too.",
      Object.entries(decisions).map(([outcome, count]) => [{ outcome: outcomeName(outcome) }, count]),
    ),
    family(
      "counter",
      "requests_total",
      "Requests answered; 499: the client left before.",
      requests.map(({ route, status: code, count }) => [{ route, code }, count]),
    ),
    family(
      "counter",
      "refusals_total",
      "Requests that the gateway answered itself, by error code.",
      refusals.map(({ code, count }) => [{ code }, count]),
    ),
    family(
      "gauge",
      "upstream_connections",
      "Connections in use, by service.",
      upstreams.map(({ origin, connections }) => [{ upstream: origin }, connections]),
    ),
    family(
      "gauge",
      "upstream_waiting",
      "Requests that wait for a connection, by service.",
      upstreams.map(({ origin, waiting }) => [{ upstream: origin }, waiting]),
    ),
    family("gauge", "buffered_bytes", "Memory for bodies that wait here.", [[{}, status.bufferedBytes]]),
    renderLogMetric(status.logLinesDropped),
  ].join("");
}

const outcomeName = (name: string): string => (name === "refusedByClock" ? "refused_by_clock" : name);

function family(type: string, shortName: string, help: string, samples: readonly Sample[]): string {
  const name = `portcullis_gateway_${shortName}`;
  const lines = samples.map(([labels, value]) => `${name}${labelText(labels)} ${value}`);
  return `${[`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines].join("\n")}\n`;
}

function labelText(labels: Sample[0]): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(String(value))}`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}
