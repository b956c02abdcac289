/** Puts the parts together: the pipeline behind the proxy's listener, the management listener, start and stop. */
import type { Server } from "node:http";
import type { ConnectedGuard } from "@portcullis/guard";
import type { Clock, Log, SetTimer } from "@portcullis/protocol";
import { createClientAddresses, listenOn, type Management, openManagement } from "@portcullis/service";
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
  const { configuration, guard, log } = options;
  warnOfHiddenClients(options);
  const phase = { isReady: false, isDraining: false };
  // Once it was ready, a stale list is for each route's policy; before, nothing is served at all.
  guard.whenReady().then(
    () => {
      phase.isReady = true;
      log.info({ event: "ready" });
    },
    () => {}, // closed before it was ready
  );
  const counters = new Counters();
  const { clientShare, bufferedBytes } = configuration.limits;
  const upstreams = new Upstreams(configuration.routes, configuration.upstreams, {
    clientShare,
    setTimer: options.setTimer,
  });
  const buffers = new Buffers({ bufferedBytes, clientShare });
  const isReady = (): boolean => phase.isReady && guard.replica.freshness().ready;
  const isDraining = (): boolean => phase.isDraining;
  const core = createDecisionCore({
    configuration,
    guard,
    signingKey: options.signingKey,
    upstreams,
    buffers,
    counters,
    log,
    isReady,
    isDraining,
    clock: options.clock,
    setTimer: options.setTimer,
    randomBytes: options.randomBytes,
  });
  const proxy = proxyListener({
    limits: configuration.limits,
    clientAddresses: createClientAddresses(configuration.trustedProxies),
    core,
    clock: options.clock,
    setTimer: options.setTimer,
  });
  let url: string;
  let management: Management;
  try {
    url = await listenOn(proxy, configuration.listen, "listen.port");
    const listener = managementListener({
      guard,
      counters,
      upstreams,
      buffers,
      isReady,
      isDraining,
      droppedLogLines: options.droppedLogLines ?? (() => 0),
      ofProcess: options.measuresProcess ?? false,
    });
    management = await openManagement(listener, configuration.management, log);
  } catch (error) {
    proxy.close();
    await upstreams.close();
    await guard.close();
    throw error;
  }
  return {
    url,
    managementUrl: management.url,
    stop: once(async () => {
      phase.isDraining = true;
      await finishRequests(proxy, options);
      // Only now: until the last answer is out, the lease has to stand.
      await guard.close();
      await upstreams.close();
      management.close();
    }),
  };
}

/** The gateway speaks plain HTTP: when it is known as https, somebody else ends the TLS. */
function warnOfHiddenClients({ configuration, log }: GatewayOptions): void {
  const { trustedProxies, transactionToken } = configuration;
  if (trustedProxies !== undefined || !transactionToken.issuer.startsWith("https:")) return;
  const text = "a proxy is in front, so all clients seem to have its address: set trustedProxies";
  log.warn({ event: "one_address_for_all", text });
}

/** Resolves when the last answer is out, or after `drainMs`, when those still under way are cut off. */
async function finishRequests(proxy: Server, { configuration, setTimer }: GatewayOptions): Promise<void> {
  const closed = new Promise<void>((resolve) => proxy.close(() => resolve()));
  proxy.closeIdleConnections();
  const cancel = setTimer(() => proxy.closeAllConnections(), configuration.drainMs);
  await closed;
  cancel();
}

function once(action: () => Promise<void>): () => Promise<void> {
  let result: Promise<void> | undefined;
  return () => (result ??= action());
}
