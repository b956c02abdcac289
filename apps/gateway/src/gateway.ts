/** Puts the parts together: the pipeline behind the proxy's listener, the management listener, start and stop. */
import type { Server } from "node:http";
import type { ConnectedGuard } from "@portcullis/guard";
import type { Clock, Log, SetTimer } from "@portcullis/protocol";
import {
  createClientAddresses,
  listenOn,
  type Management,
  openManagement,
  stopOnce,
} from "@portcullis/service";
import type { Configuration } from "./config/configuration.ts";
import { createDecisionCore } from "./decision-core.ts";
import { proxyListener } from "./entry/proxy/proxy-listener.ts";
import { Counters } from "./management/counters.ts";
import { managementListener } from "./management/management-listener.ts";
import type { SigningKey } from "./transaction-token/signing-key.ts";
import { Buffers } from "./upstreams/buffers.ts";
import { Upstreams } from "./upstreams/upstreams.ts";

export interface GatewayOptions {
  readonly configuration: Configuration;
  /** Closed by `stop`. */
  readonly guard: ConnectedGuard;
  readonly signingKey: SigningKey;
  readonly log: Log;
  /** Lines that the log had no room for. Default: none. */
  readonly droppedLogLines?: () => number;
  /** Whether this process is the gateway's alone, so that metrics tell of its memory and CPU. Default: false. */
  readonly measuresProcess?: boolean;
  readonly clock: Clock;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly setTimer: SetTimer;
}

export interface Gateway {
  /** Origin that the proxy listens on. */
  readonly url: string;
  readonly managementUrl: string;
  /** Takes no new requests, finishes those under way within `drainMs`, gives the lease back. */
  stop(): Promise<void>;
}

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { guard } = options;
  warnOfHiddenClients(options);
  tellOfApisNotIntrospected(options);
  const shared = sharedOf(options);
  const { phase, upstreams } = shared;
  const proxy = proxyOf(options, shared);
  try {
    const url = await listenOn(proxy, options.configuration.listen, "listen.port");
    const management = await openManagementOf(options, shared);
    return {
      url,
      managementUrl: management.url,
      stop: stopOnce(async () => {
        phase.drain();
        await finishRequests(proxy, options);
        // Only now: until the last answer is out, the lease has to stand.
        await guard.close();
        await upstreams.close();
        management.close();
      }),
    };
  } catch (error) {
    proxy.close();
    await upstreams.close();
    await guard.close();
    throw error;
  }
}

/** What the proxy uses, and the management page tells of. */
interface Shared {
  readonly counters: Counters;
  readonly upstreams: Upstreams;
  readonly buffers: Buffers;
  readonly phase: Phase;
}

interface Phase {
  isReady(): boolean;
  isDraining(): boolean;
  drain(): void;
}

function sharedOf({ configuration, guard, log, setTimer }: GatewayOptions): Shared {
  const { clientShare, bufferedBytes } = configuration.limits;
  return {
    counters: new Counters(),
    upstreams: new Upstreams(configuration.routes, configuration.upstreams, { clientShare, setTimer }),
    buffers: new Buffers({ bufferedBytes, clientShare }),
    phase: phaseOf(guard, log),
  };
}

/** Once it was ready, a stale list is for each route's policy; before, nothing is served at all. */
function phaseOf(guard: ConnectedGuard, log: Log): Phase {
  let wasReady = false;
  let isDraining = false;
  guard.whenReady().then(
    () => {
      wasReady = true;
      log.info({ event: "ready" });
    },
    () => {}, // closed before it was ready
  );
  return {
    isReady: () => wasReady && guard.replica.freshness().ready,
    isDraining: () => isDraining,
    drain() {
      isDraining = true;
    },
  };
}

function proxyOf(options: GatewayOptions, { counters, upstreams, buffers, phase }: Shared): Server {
  const { configuration, clock, setTimer } = options;
  const core = createDecisionCore({
    configuration,
    guard: options.guard,
    signingKey: options.signingKey,
    upstreams,
    buffers,
    counters,
    log: options.log,
    isReady: phase.isReady,
    isDraining: phase.isDraining,
    clock,
    setTimer,
    randomBytes: options.randomBytes,
  });
  const clientAddresses = createClientAddresses(configuration.trustedProxies);
  return proxyListener({ limits: configuration.limits, clientAddresses, core, clock, setTimer });
}

function openManagementOf(options: GatewayOptions, shared: Shared): Promise<Management> {
  const listener = managementListener({
    guard: options.guard,
    counters: shared.counters,
    upstreams: shared.upstreams,
    buffers: shared.buffers,
    isReady: shared.phase.isReady,
    isDraining: shared.phase.isDraining,
    droppedLogLines: options.droppedLogLines ?? (() => 0),
    ofProcess: options.measuresProcess ?? false,
  });
  return openManagement(listener, options.configuration.management, options.log);
}

/** The gateway speaks plain HTTP: when it is known as https, somebody else ends the TLS. */
function warnOfHiddenClients({ configuration, log }: GatewayOptions): void {
  const { trustedProxies, transactionToken } = configuration;
  if (trustedProxies !== undefined || !transactionToken.issuer.startsWith("https:")) return;
  const text = "a proxy is in front, so all clients seem to have its address: set trustedProxies";
  log.warn({ event: "one_address_for_all", text });
}

/**
 * Said at the start, and not when the first such token comes or the first outage: the gateway's client may lack an API. Where a route says online
 * that is a mistake; elsewhere it only matters to who uses tokens for scripts.
 */
function tellOfApisNotIntrospected({ guard, configuration, log }: GatewayOptions): void {
  const { routes, verifier } = configuration;
  if (routes.every(({ requirements }) => requirements === undefined)) return;
  const isOnline = routes.some(({ requirements }) => requirements?.freshness?.policy === "online");
  const level = isOnline ? "warn" : "info";
  const tell = (apis: readonly string[]) => {
    if (apis.length === 0) return;
    const text =
      "the issuer does not answer the gateway's client about tokens of these APIs: tokens for scripts, and routes with online, get 503; give the app these APIs, with one permission of each";
    log[level]({ event: "apis_not_introspected", client: verifier.clientId, apis, text });
  };
  guard
    .whenReady()
    .then(() =>
      guard.apisNotIntrospected().then(tell, (error) => log[level]({ event: "introspection_failed", error })),
    )
    .catch(() => {}); // closed before it was ready
}

/** Resolves when the last answer is out, or after `drainMs`, when those still under way are cut off. */
async function finishRequests(proxy: Server, { configuration, setTimer }: GatewayOptions): Promise<void> {
  const closed = new Promise<void>((resolve) => proxy.close(() => resolve()));
  proxy.closeIdleConnections();
  const cancel = setTimer(() => proxy.closeAllConnections(), configuration.drainMs);
  await closed;
  cancel();
}
