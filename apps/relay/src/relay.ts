/** The relay: one replica above, the feed below, and what keeps the two honest. */
import { every, FeedStreams, LeaseTable } from "@portcullis/feed-server";
import { type ConnectedGuard, connect } from "@portcullis/guard";
import type { Authenticate, MountedRoute } from "@portcullis/http-api";
import { type Clock, type Log, type SetTimer, systemClock, systemTimer } from "@portcullis/protocol";
import { listenError, originOf, stopOnce } from "@portcullis/service";
import type { FastifyInstance } from "fastify";
import type { Configuration } from "./config/relay-configuration.ts";
import { AcknowledgingFeed } from "./leases/acknowledging-feed.ts";
import { EnforcedBelow } from "./leases/enforced-below.ts";
import { passOnLease } from "./leases/pass-on-lease.ts";
import { RelayDesk } from "./leases/relay-desk.ts";
import { ServedCopy } from "./log/served-copy.ts";
import { createRelayApp } from "./routes.ts";
import type { Status } from "./status.ts";

const HEARTBEAT_MS = 2000;
const SWEEP_MS = 1000;
/** How often it is looked whether the snapshot that is given out has become small beside what came after it. */
const RENEW_MS = 10_000;

export interface RelayOptions {
  readonly configuration: Configuration;
  readonly log: Log;
  /** For calls to the issuer and to the feed above. */
  readonly fetch?: typeof fetch | undefined;
}

export interface Relay {
  /** Base URL of the feed: what verifiers are given as `feedEndpoint`. */
  readonly endpoint: string;
  readonly url: string;
  /** Of this process: as receipts name it. */
  readonly name: string;
  /** Everything that is mounted where verifiers connect. */
  readonly routes: readonly MountedRoute[];
  status(): Status;
  /** Resolves when leases can be given. */
  whenReady(signal?: AbortSignal): Promise<void>;
  /** Gives no more leases, waits for the end of those it gave, and only then gives its own back. */
  stop(): Promise<void>;
}

/** What the parts share. */
interface Parts {
  readonly guard: ConnectedGuard;
  readonly copy: ServedCopy;
  readonly table: LeaseTable;
  readonly desk: RelayDesk;
  readonly enforced: EnforcedBelow;
  readonly above: AcknowledgingFeed;
  readonly streams: FeedStreams;
  readonly clock: Clock;
  readonly setTimer: SetTimer;
}

export async function startRelay(options: RelayOptions): Promise<Relay> {
  const parts = compose(options);
  const phase = { isStopping: false };
  const status = () => statusOf(parts, phase.isStopping);
  const { app, routes } = createRelayApp({
    copy: parts.copy,
    leases: parts.desk,
    streams: parts.streams,
    clock: parts.clock,
    status,
    log: options.log,
    described: options.configuration,
    authenticate: authenticateVerifiers(parts.guard, options.configuration),
  });
  const stopTimers = startTimers(parts, options.log);
  try {
    await listen(app, options.configuration);
  } catch (error) {
    await stopTimers();
    await parts.guard.close();
    throw error;
  }
  const url = originOf(app.server, options.configuration.listen);
  return {
    url,
    endpoint: `${url}/revocations`,
    name: parts.guard.replica.name,
    routes,
    status,
    whenReady: (signal) => parts.guard.whenReady(signal),
    stop: stopOnce(async () => {
      phase.isStopping = true;
      await stop(parts);
      await stopTimers();
      await app.close();
    }),
  };
}

function compose({ configuration, log, fetch }: RelayOptions): Parts {
  const clock = systemClock;
  const setTimer = systemTimer;
  const table = new LeaseTable(clock);
  const copy = new ServedCopy({
    clock,
    setTimer,
    fetchSnapshot: (signal) => guard.replica.fetchSnapshot(signal),
    onReplaced: () => desk.presumeNothingApplied(),
  });
  const enforced = new EnforcedBelow({
    table,
    clock,
    setTimer,
    head: () => copy.current?.log.head() ?? 0,
    onRise: () => above.renewSoon(),
  });
  const above: AcknowledgingFeed = new AcknowledgingFeed({
    setTimer,
    enforced: (applied) => enforced.say(applied),
    renew: () => guard.replica.renew(),
  });
  const { issuer, audience, clientId, clientSecret, name, leaseMs, upstream } = configuration;
  const guard = connect({
    issuer,
    audience,
    clientId,
    clientSecret,
    // `connect` makes it another one at each start: who is above waits for the lease of the process before, which ends
    // after all that it gave.
    name,
    leaseMs,
    feedEndpoint: upstream,
    fetch,
    log,
    feed: (http) => above.over(http),
    onApplied: copy.apply,
  });
  const desk: RelayDesk = new RelayDesk({
    table,
    clock,
    leasesPerClient: configuration.limits.leasesPerClient,
    log: () => copy.current?.log,
    own: () => ({ ageMs: guard.replica.freshness().ageMs, leaseMs: guard.replica.leaseMs }),
    signedHead: () => guard.replica.signedHead,
    issuerTime: () => guard.replica.issuerTime(),
    renew: () => above.renewSoon(),
  });
  const streams = new FeedStreams({
    clock,
    setTimer,
    local: guard.replica,
    streamsPerClient: configuration.limits.streamsPerClient,
    hub: { follow: async (...verifier) => copy.current?.hub.follow(...verifier) ?? verifier[0].destroy() },
  });
  return { guard, copy, table, desk, enforced, above, streams, clock, setTimer };
}

/** Verifiers bring the tokens that they would bring to the issuer, and the relay judges them as a verifier does. */
function authenticateVerifiers(guard: ConnectedGuard, { leaseMs }: Configuration): Authenticate {
  const freshness = { policy: "closed", maxAgeMs: leaseMs } as const;
  return async (request, scope) => {
    // From the list of all: Node would silently take the first of two.
    const authorization = request.raw.headersDistinct.authorization;
    const decision = await guard.authenticate(authorization, { scopes: [scope], freshness });
    return decision.outcome === "allow" ? { caller: decision.principal } : { refusal: decision };
  };
}

function statusOf({ guard, copy, table, enforced, streams }: Parts, isStopping: boolean): Status {
  const { replica } = guard;
  const { ageMs } = replica.freshness();
  const clock = replica.clock();
  const right = passOnLease({ ageMs, leaseMs: replica.leaseMs }, replica.leaseMs);
  return {
    ready: copy.current !== undefined && right !== undefined && clock?.isOff !== true && !isStopping,
    stopping: isStopping,
    state: replica.state,
    ageMs: Number.isFinite(ageMs) ? ageMs : undefined,
    clock,
    applied: copy.current?.log.head() ?? 0,
    enforced: enforced.said,
    records: (copy.current?.snapshots.count ?? 0) + (copy.current?.log.count ?? 0),
    openStreams: copy.current?.hub.size ?? 0,
    leases: table.held().length,
    streamsOpened: streams.counters.opened,
    streamsCutSlow: streams.counters.cutSlow,
  };
}

function startTimers({ copy, desk }: Parts, log: Log): () => Promise<void> {
  const onNotRenewed = (error: unknown) => log.warn({ event: "snapshot_not_renewed", error });
  const stops = [
    every(HEARTBEAT_MS, () => copy.current?.hub.beat()),
    every(SWEEP_MS, () => {
      desk.sweep();
    }),
    every(RENEW_MS, () => copy.current?.snapshots.renewIfGrown().catch(onNotRenewed)),
  ];
  return async () => {
    await Promise.all(stops.map((stop) => stop()));
  };
}

/** Streams stay until the last lease has ended: acknowledgements still come, and receipts need not wait for us. */
async function stop(parts: Parts): Promise<void> {
  const { desk, above, enforced, guard, copy, table, clock, setTimer } = parts;
  desk.stopGranting();
  await untilAllEnded({ table, clock, setTimer });
  above.close();
  enforced.close();
  await guard.close();
  copy.close();
}

/** Resolves when every lease has been given back or has run out; none may be given meanwhile. */
async function untilAllEnded({
  table,
  clock,
  setTimer,
}: Pick<Parts, "table" | "clock" | "setTimer">): Promise<void> {
  for (;;) {
    const ends = table.laggardsOf(Number.POSITIVE_INFINITY).map(({ until }) => until);
    if (ends.length === 0) return;
    const leftMs = Math.max(1, Math.ceil(Math.max(...ends) - clock.monotonicMs()));
    await new Promise<void>((resolve) => {
      const done = () => {
        cancel();
        unsubscribe();
        resolve();
      };
      const cancel = setTimer(done, leftMs);
      const unsubscribe = table.subscribe(({ type }) => type === "released" && done());
    });
  }
}

async function listen(app: FastifyInstance, { listen: address }: Configuration): Promise<void> {
  try {
    await app.listen({ ...address });
  } catch (error) {
    throw listenError(error, address, "listen.port");
  }
}
