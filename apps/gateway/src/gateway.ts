/** Puts the parts together: the pipeline behind the proxy's listener, the management listener, start and stop. */
import type { Server } from "node:http";
import type { ConnectedGuard } from "@portcullis/guard";
import type { Clock, Log, SetTimer } from "@portcullis/protocol";
import { createClientAddresses, listenOn, type Management, openManagement } from "@portcullis/service";
import { accessLogger } from "./access-log.ts";
import { type AnswerWriter, connectionFields, writeAnswer } from "./answer-writer.ts";
import type { Configuration } from "./config/configuration.ts";
import { proxyListener } from "./entry/proxy/proxy-listener.ts";
import type { Exchange } from "./exchange.ts";
import { type Field, rememberFields } from "./headers/field-kind.ts";
import { Counters } from "./management/counters.ts";
import { managementListener } from "./management/management-listener.ts";
import { pipeline, runner } from "./pipeline.ts";
import { corsFields } from "./steps/answer-preflight.ts";
import type { SigningKey } from "./transaction-token/signing-key.ts";
import { TransactionTokens } from "./transaction-token/transaction-tokens.ts";
import { Buffers } from "./upstreams/buffers.ts";
import { responseFields } from "./upstreams/response-fields.ts";
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
  const fieldNamed = rememberFields();
  const { clientShare, bufferedBytes } = configuration.limits;
  const upstreams = new Upstreams(configuration.routes, configuration.upstreams, {
    clientShare,
    setTimer: options.setTimer,
  });
  const buffers = new Buffers({ bufferedBytes, clientShare });
  const isReady = (): boolean => phase.isReady && guard.replica.freshness().ready;
  const isDraining = (): boolean => phase.isDraining;
  const proxy = buildProxy(options, {
    counters,
    upstreams,
    buffers,
    fieldNamed,
    isReady,
    isDraining,
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

interface ProxyParts {
  readonly counters: Counters;
  readonly upstreams: Upstreams;
  readonly buffers: Buffers;
  readonly fieldNamed: (spelling: string) => Field;
  readonly isReady: () => boolean;
  readonly isDraining: () => boolean;
}

function buildProxy(options: GatewayOptions, parts: ProxyParts): Server {
  const { configuration, guard, signingKey, log } = options;
  const { counters, upstreams, buffers, fieldNamed, isReady, isDraining } = parts;
  const cors = (origin: string | undefined) => corsFields(configuration.cors, origin);
  const writer: AnswerWriter = { corsFields: cors, isDraining };
  const logAccess = accessLogger(configuration.accessLog, log);
  const steps = pipeline({
    configuration,
    guard,
    isReady,
    fieldNamed,
    transactionTokens: new TransactionTokens({
      settings: configuration.transactionToken,
      key: signingKey,
      clock: options.clock,
      randomBytes: options.randomBytes,
    }),
    jwks: { keys: [signingKey.jwk] },
    clock: options.clock,
    setTimer: options.setTimer,
    forwarding: {
      upstreams,
      buffers,
      headFields: responseFields({
        fieldNamed,
        corsFields: cors,
        connectionFields: (exchange) => connectionFields(exchange, writer),
      }),
      answer: (exchange, answer) => writeAnswer(exchange, answer, writer),
    },
  });
  return proxyListener({
    limits: configuration.limits,
    clientAddresses: createClientAddresses(configuration.trustedProxies),
    writer,
    run: runner(steps),
    onEnd: (exchange: Exchange) => {
      counters.count(exchange);
      logAccess(exchange);
    },
    onInternalError: (error) => log.error({ event: "internal_error", error }),
    clock: options.clock,
    setTimer: options.setTimer,
  });
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
