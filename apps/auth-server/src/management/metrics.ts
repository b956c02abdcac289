/** What this server says to Prometheus. */
import type { VerifierStatus } from "@portcullis/protocol";
import type { Family, Sample } from "@portcullis/service";
import { type Outbox, waitingDeliveries } from "../outbox/index.ts";
import { DAMAGED_PARTS, type RedisHealth } from "../redis/redis-damage.ts";
import type { RevocationCounters } from "../revocations/index.ts";
import type { Storage } from "../storage/storage.ts";
import type { AskReadiness } from "./readiness.ts";
import type { RequestCounters } from "./request-counters.ts";

export interface MetricSources {
  readonly storage: Storage;
  readonly readiness: AskReadiness;
  readonly requests: RequestCounters;
  readonly revocations: {
    counters(): RevocationCounters;
    readonly verifiers: { list(): Promise<readonly VerifierStatus[]> };
  };
  readonly sessionStreams: { readonly size: number; readonly counters: { opened: number; cutSlow: number } };
  readonly outbox: Pick<Outbox, "counters">;
  readonly maxLiveRevocations: number;
  /** Undefined: no Redis is configured. */
  readonly redis: RedisHealth | undefined;
}

const NAME = "portcullis_auth_server";

/** Returns everything that is at hand without asking the database for more than it answers at once. */
export function metricFamilies(sources: MetricSources): Family[] {
  return [
    ...requestFamilies(sources),
    ...logFamilies(sources),
    ...verifierFamilies(sources),
    ...sessionStreamFamilies(sources),
    ...deliveryFamilies(sources),
    ...storageFamilies(sources),
  ].map((family) => ({ ...family, name: `${NAME}_${family.name}` }));
}

const requestFamilies = ({ requests, readiness }: MetricSources): Family[] => [
  gauge("ready", "Whether this server can do its work.", async () => Number((await readiness()).ready)),
  {
    ...counter("requests_total", "Requests answered, by method, route and status.", () =>
      requests.answered(),
    ),
    labels: ["method", "route", "code"],
  },
  {
    ...counter("limits_refused_total", "Requests refused with 429, by the setting below limits.", () =>
      requests.refused(),
    ),
    labels: ["limit"],
  },
];

function logFamilies({ storage: { log }, revocations, maxLiveRevocations }: MetricSources): Family[] {
  return [
    gauge("log_head", "Newest revocation.", () => revocations.counters().head),
    gauge("live_revocations", "Revocations that are kept.", () => log.head() - log.oldestKept() + 1),
    gauge("live_revocations_max", "Revocations that may be kept.", () => maxLiveRevocations),
  ];
}

function verifierFamilies({ revocations }: MetricSources): Family[] {
  const { verifiers } = revocations;
  const verifiersThat = async (holds: (verifier: VerifierStatus) => boolean): Promise<number> =>
    (await verifiers.list()).filter(holds).length;
  return [
    gauge("leases", "Verifiers that hold a lease.", () => revocations.counters().leases),
    gauge("verifiers_behind", "Of these, those that have not acknowledged the newest revocation.", () =>
      verifiersThat(({ behind }) => behind > 0),
    ),
    gauge(
      "verifiers_silent",
      "Of these, those that renew and have not acknowledged for ten seconds.",
      () => revocations.counters().silentVerifiers,
    ),
    gauge("verifiers_disagreeing", "Of these, those that hold something else than the log.", () =>
      verifiersThat(({ agrees }) => agrees === false),
    ),
    gauge("verifiers_clock_off", "Of these, those whose clock is off, so that they allow nothing.", () =>
      verifiersThat(({ clock }) => clock?.isOff === true),
    ),
    gauge("followers", "Open streams of revocations.", () => revocations.counters().openStreams),
    counter("streams_opened_total", "Streams opened.", () => revocations.counters().streamsOpened),
    counter(
      "streams_cut_total",
      "Streams cut because their verifiers were slow.",
      () => revocations.counters().streamsCutSlow,
    ),
    counter("snapshots_built_total", "Snapshots built.", () => revocations.counters().snapshotsBuilt),
    counter("snapshots_served_total", "Snapshots served.", () => revocations.counters().snapshotsServed),
    counter(
      "carriers_refused_total",
      "Reports of verifiers that what a relay or Redis brought of the feed was refused.",
      () => revocations.counters().carriersRefused,
    ),
  ];
}

const sessionStreamFamilies = ({ sessionStreams }: MetricSources): Family[] => [
  gauge("session_streams", "Open streams of session events.", () => sessionStreams.size),
  counter(
    "session_streams_opened_total",
    "Streams of session events opened.",
    () => sessionStreams.counters.opened,
  ),
  counter(
    "session_streams_cut_total",
    "Streams of session events cut because nobody read them.",
    () => sessionStreams.counters.cutSlow,
  ),
];

function deliveryFamilies({ storage, outbox }: MetricSources): Family[] {
  const { counters } = outbox;
  return [
    {
      ...gauge("deliveries_waiting", "Logout tokens that are to be tried, and those that are dead.", () =>
        waitingDeliveries(storage.read),
      ),
      labels: ["state"],
    },
    {
      ...counter("delivery_tries_total", "Tries of this server to tell an app, by what they came to.", () => [
        { labels: { outcome: "delivered" }, value: counters.delivered },
        { labels: { outcome: "failed" }, value: counters.failed },
      ]),
      labels: ["outcome"],
    },
    counter("deliveries_dead_total", "Deliveries that this server gave up.", () => counters.dead),
    counter(
      "delivery_seconds_total",
      "From the ending to the answer, of those that this server delivered, in sum.",
      () => counters.deliveredAfterMs / 1000,
    ),
  ];
}

function storageFamilies({ storage, redis }: MetricSources): Family[] {
  const { counters } = storage;
  return [
    counter("storage_units_total", "Units of writing that were stored.", () => counters.units),
    counter("storage_commits_total", "Transactions that were committed.", () => counters.commits),
    counter("storage_failed_commits_total", "Transactions that failed.", () => counters.failedCommits),
    {
      ...counter("pruned_rows_total", "Rows deleted once they had ended, by their table.", () =>
        [...storage.pruning.removed].map(([rows, value]) => ({ labels: { rows }, value })),
      ),
      labels: ["rows"],
    },
    counter(
      "prunes_refused_total",
      "Rounds of deleting that were refused, since what time it is was in doubt.",
      () => storage.pruning.refused,
    ),
    gauge("time_unexplained_seconds", "Time that the clock says has passed, and that no server saw.", () =>
      storage.log.retention.unexplained(),
    ),
    gauge("storage_waiting", "Units of writing that wait for their turn.", () => storage.waiting),
    {
      ...gauge("storage_space", "Space that is left: ample, low or reserve.", () => [
        { labels: { state: storage.space }, value: 1 },
      ]),
      labels: ["state"],
    },
    {
      ...gauge("database_connections", "Connections that read, and requests that wait for one.", () =>
        Object.entries(storage.connections?.() ?? {}).map(([state, value]) => ({ labels: { state }, value })),
      ),
      labels: ["state"],
    },
    ...redisFamilies(redis),
  ];
}

const redisFamilies = (redis: RedisHealth | undefined): Family[] => [
  gauge("redis_up", "Whether Redis answers.", () => redis && Number(redis.isUp())),
  {
    ...counter("redis_damage_total", "What was found wrong in Redis, by the part that it was in.", () =>
      DAMAGED_PARTS.flatMap((part) => (redis ? [{ labels: { part }, value: redis.damage.count(part) }] : [])),
    ),
    labels: ["part"],
  },
];

const gauge = (name: string, help: string, read: Family["read"]): Family => ({
  name,
  type: "gauge",
  help,
  read,
});
const counter = (name: string, help: string, read: () => number | Sample[]): Family => ({
  name,
  type: "counter",
  help,
  read,
});
