import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectedGuard, createGuard } from "@portcullis/guard";
import { discoverIssuer, introspectionOf } from "@portcullis/issuer";
import { type Clock, systemTimer } from "@portcullis/protocol";
import { createReplica, httpFeed } from "@portcullis/revocation";
import { AUDIENCE, FakeIssuer, RecordedLog } from "@portcullis/testing";
import { parseConfiguration } from "../../src/config/gateway-configuration.ts";
import { type Gateway, startGateway } from "../../src/gateway.ts";
import { openSigningKey } from "../../src/transaction-token/signing-key.ts";
import { EchoUpstream } from "./echo-upstream.ts";
import { FeedServer } from "./feed-server.ts";
import { RawClient, type RawResponse } from "./raw-client.ts";

export const GATEWAY_ISSUER = "http://gateway.test";
export const TRUST_DOMAIN = "services.test";

export interface TestGatewayOptions {
  /** YAML below the top level, added to the usual settings: for example `limits: { maxHeaders: 5 }`. */
  readonly settings?: string;
  /** YAML of one route a line, each beginning with `- `; `$upstream` stands for the echo service. */
  readonly routes?: readonly string[];
  readonly isReadyFirst?: boolean;
  /** APIs about whose tokens the issuer does not answer the gateway. */
  readonly notIntrospected?: readonly string[];
  /** `iss` of its transaction tokens. */
  readonly tokenIssuer?: string;
}

const ROUTES = [
  `- { name: orders, path: /orders, upstream: "$upstream", audience: "${AUDIENCE}", scopes: [orders.read] }`,
  `- { name: catalogue, path: /catalogue, upstream: "$upstream", audience: "${AUDIENCE}", freshness: { policy: open } }`,
  '- { name: public, path: /public, upstream: "$upstream", public: true }',
];

/** A gateway with everything it needs, in this process: issuer, feed, service, and a monotonic clock that can jump. */
export class TestGateway {
  readonly issuer: FakeIssuer;
  readonly feed: FeedServer;
  readonly upstream: EchoUpstream;
  readonly gateway: Gateway;
  readonly guard: ConnectedGuard;
  readonly clock: TestClock;
  readonly log: RecordedLog;
  readonly directory: string;

  static async start(options: TestGatewayOptions = {}): Promise<TestGateway> {
    const issuer = await FakeIssuer.start();
    const feed = new FeedServer(issuer);
    const upstream = await EchoUpstream.start();
    const directory = mkdtempSync(join(tmpdir(), "portcullis-gateway-"));
    const clock = new TestClock();
    const log = new RecordedLog();
    const guard = connectGuard(issuer, clock, options.notIntrospected ?? []);
    const routes = (options.routes ?? ROUTES).map((route) => route.replace("$upstream", upstream.origin));
    const configuration = parseConfiguration(yaml({ ...options, issuer: issuer.issuer, routes }), directory);
    const gateway = await startGateway({
      configuration,
      guard,
      signingKey: openSigningKey(configuration.transactionToken.keyFile),
      log,
      clock,
      randomBytes,
      setTimer: systemTimer,
    });
    if (options.isReadyFirst !== false) await guard.whenReady();
    return new TestGateway({ issuer, feed, upstream, gateway, guard, clock, log, directory });
  }

  private constructor(parts: Pick<TestGateway, (typeof PARTS)[number]>) {
    this.issuer = parts.issuer;
    this.feed = parts.feed;
    this.upstream = parts.upstream;
    this.gateway = parts.gateway;
    this.guard = parts.guard;
    this.clock = parts.clock;
    this.log = parts.log;
    this.directory = parts.directory;
  }

  /** Sends these bytes on a connection of their own and gives the first response. */
  async exchange(bytes: string): Promise<RawResponse> {
    const client = await RawClient.connect(this.gateway.url);
    try {
      client.send(bytes);
      return await client.response();
    } finally {
      client.close();
    }
  }

  /** A well-formed request; `fields` are lines without their end. */
  get(target: string, fields: readonly string[] = []): Promise<RawResponse> {
    return this.exchange(requestText(`GET ${target} HTTP/1.1`, fields));
  }

  bearer(claims: Readonly<Record<string, unknown>> = {}): string {
    return `Authorization: Bearer ${this.issuer.mint(claims)}`;
  }

  async management(path: string): Promise<{ status: number; text: string }> {
    const response = await fetch(`${this.gateway.managementUrl}${path}`);
    return { status: response.status, text: await response.text() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway.stop();
    await this.upstream[Symbol.asyncDispose]();
    await this.issuer[Symbol.asyncDispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const PARTS = ["issuer", "feed", "upstream", "gateway", "guard", "clock", "log", "directory"] as const;

export function requestText(requestLine: string, fields: readonly string[] = [], body = ""): string {
  return `${[requestLine, "Host: gateway.test", ...fields].join("\r\n")}\r\n\r\n${body}`;
}

/** Real time, until it is told to jump: what a stopped process sees when it is woken. */
export class TestClock implements Clock {
  #jumpedMs = 0;
  /** What the gateway's wall clock is ahead. */
  aheadSeconds = 0;

  readonly wallMs = (): number => Date.now() + this.aheadSeconds * 1000;
  readonly nowSeconds = (): number => this.wallMs() / 1000;
  readonly monotonicMs = (): number => performance.now() + this.#jumpedMs;

  jump(ms: number): void {
    this.#jumpedMs += ms;
  }
}

function connectGuard(
  issuer: FakeIssuer,
  clock: TestClock,
  notIntrospected: readonly string[],
): ConnectedGuard {
  const replica = createReplica({
    feed: httpFeed({
      endpoint: `${issuer.issuer}/revocations`,
      authorization: async () => `Bearer ${issuer.mint()}`,
    }),
    name: "gateway-test",
    leaseMs: 5000,
    clock,
  });
  const introspect = introspectionOf({
    issuer: issuer.issuer,
    clientId: "gateway",
    clientSecret: "a-verifiers-secret",
    timeoutMs: 60_000,
    discovered: () => discoverIssuer({ issuer: issuer.issuer }),
  });
  const guard = createGuard({
    issuer: issuer.issuer,
    audience: AUDIENCE,
    introspect,
    revocations: replica,
    clock,
  });
  replica.start();
  return {
    replica,
    counters: guard.counters,
    introspection: guard.introspection,
    authenticate: (authorization, requirements, caller) =>
      guard.authenticate(authorization, requirements, caller),
    apisNotIntrospected: async () => notIntrospected,
    whenReady: (signal) => replica.whenReady(signal),
    close: () => replica.close(),
  };
}

interface Written extends TestGatewayOptions {
  readonly issuer: string;
  readonly routes: readonly string[];
}

const yaml = ({ issuer, routes, settings = "", tokenIssuer = GATEWAY_ISSUER }: Written): string => `
issuer: ${issuer}
listen: { host: 127.0.0.1, port: 0 }
management: { host: 127.0.0.1, port: 0 }
verifier: { clientId: gateway, clientSecret: a-verifiers-secret }
transactionToken: { issuer: "${tokenIssuer}", audience: ${TRUST_DOMAIN}, keyFile: gateway-key.json }
${settings}
routes:
${routes.map((route) => `  ${route}`).join("\n")}
`;
