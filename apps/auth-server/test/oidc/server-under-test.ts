import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog } from "@portcullis/service";
import { freePort } from "@portcullis/testing/ports";
import { createPostgresDatabase } from "@portcullis/testing/servers";
import { resolveConfiguration } from "../../src/config/load.ts";
import type { OidcTestHooks } from "../../src/oidc/compose.ts";
import { type AuthServer, type AuthServerOptions, createAuthServer } from "../../src/server.ts";
import { machineNowMs, moveClockOf } from "./moved-clock.ts";

export const RESOURCE = "https://orders.portcullis.example";
export const OTHER_RESOURCE = "https://billing.portcullis.example";
export const REDIRECT_URI = "http://127.0.0.1:9403/callback";
export const AFTER_LOGOUT = "http://127.0.0.1:9403/bye";
export const ALICE = { username: "alice", password: "correct horse battery staple" };
export const BOB = { username: "bob", password: "another horse battery staple" };
const secretOf = (client: string): string => `${client}-secret-0123456789abcdef`;

export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly [detail: string]: unknown;
}

export interface ServerUnderTest {
  readonly issuer: string;
  readonly server: AuthServer;
  /** Lines of the operator's log. */
  readonly log: string[];
  /** Those of one event, read. */
  logged(event: string): LogLine[];
  /** What the clocks of the servers show, where none was set. */
  nowMs(): number;
  /** Lets time pass for the servers. */
  advance(ms: number): void;
  /** Sets the whole clock of one server so far ahead of the machine's, or behind. Default: the first. */
  setClock(movedMs: number, url?: string): void;
  /** Lets the wall clock of the first server stand at this time; undefined lets it go on. */
  freezeClock(atMs: number | undefined): void;
  /** Starts another server of the same issuer on the same database, on a port of its own; gives its URL. */
  startAnother(): Promise<string>;
  /** One of those, by its URL. */
  serverAt(url: string): AuthServer;
  /** What pruning by this server deletes is gone when it resolves. Default: the first. */
  prune(url?: string): Promise<void>;
  /** Stops it and starts it again on the same data and port. */
  restart(): Promise<void>;
  /** After it was closed. */
  startAgain(): Promise<void>;
  stop(): Promise<void>;
}

export interface ServerOptions {
  readonly testHooks?: OidcTestHooks;
  readonly openStorage?: NonNullable<AuthServerOptions["openStorage"]>;
  readonly change?: (configuration: ReturnType<typeof configurationFor>) => void;
}

export async function startServer(options: ServerOptions = {}): Promise<ServerUnderTest> {
  const dataDirectory = await mkdtemp(join(tmpdir(), "portcullis-oidc-"));
  const port = await freePort();
  const document = { ...configurationFor(port, dataDirectory), ...(await databaseOf()) };
  options.change?.(document);
  const log: string[] = [];
  let passedMs = 0;
  const moved = new Map<string, number>();
  let frozenAtMs: number | undefined;

  async function start(on = port): Promise<AuthServer> {
    const movedMs = () =>
      frozenAtMs === undefined || on !== port
        ? (moved.get(urlOf(on)) ?? 0)
        : frozenAtMs - machineNowMs() - passedMs;
    const nowMs = () => machineNowMs() + passedMs + movedMs();
    const server = await createAuthServer({
      configuration: resolveConfiguration({ ...document, listen: { host: "127.0.0.1", port: on } }),
      operatorLog: createLog({
        name: "auth-server",
        destination: { write: (line) => log.push(line) },
        clock: { wallMs: nowMs },
      }),
      clock: { wallMs: nowMs, monotonicMs: () => performance.now() + passedMs },
      databaseClock: async () => nowMs(),
      ...(options.testHooks === undefined ? {} : { testHooks: options.testHooks }),
      ...(options.openStorage === undefined ? {} : { openStorage: options.openStorage }),
    });
    moveClockOf(server.app.server, () => passedMs + movedMs());
    await server.listen();
    return server;
  }

  const others = new Map<string, AuthServer>();

  let server = await start();
  return {
    issuer: document.issuer,
    get server() {
      return server;
    },
    log,
    logged: (event) => log.map((line) => JSON.parse(line) as LogLine).filter((line) => line.event === event),
    nowMs: () => machineNowMs() + passedMs,
    advance: (ms) => {
      passedMs += ms;
    },
    setClock: (movedMs, url = document.issuer) => void moved.set(url, movedMs),
    freezeClock: (atMs) => {
      frozenAtMs = atMs;
    },
    async startAnother() {
      const on = await freePort();
      others.set(urlOf(on), await start(on));
      return urlOf(on);
    },
    serverAt: (url) => others.get(url)!,
    async prune(url = document.issuer) {
      await (others.get(url) ?? server).prune();
    },
    async restart() {
      await close(server);
      server = await start();
    },
    async startAgain() {
      server = await start();
    },
    async stop() {
      for (const running of [server, ...others.values()]) await close(running);
      await rm(dataDirectory, { recursive: true });
    },
  };
}

/** Set by on-postgres, which runs these tests again on PostgreSQL. */
const POSTGRES = process.env.PORTCULLIS_TEST_POSTGRES;
export const isOnPostgres = POSTGRES !== undefined;

async function databaseOf(): Promise<{ database?: { kind: "postgres"; url: string; poolSize: number } }> {
  if (POSTGRES === undefined) return {};
  return { database: { kind: "postgres", url: await createPostgresDatabase(POSTGRES), poolSize: 8 } };
}

async function close(server: AuthServer): Promise<void> {
  server.app.server.closeAllConnections();
  await server.close();
}

/** Gives the issuer of a configuration a path, and its own API with it. */
export function moveIssuer(document: ReturnType<typeof configurationFor>, path: string): void {
  const before = `${document.issuer}/api`;
  document.issuer += path;
  for (const client of document.clients) {
    const resources = client.resources as Record<string, string[]>;
    const { [before]: scopes, ...others } = resources;
    if (scopes !== undefined) client.resources = { ...others, [`${document.issuer}/api`]: scopes };
  }
}

const urlOf = (port: number): string => `http://127.0.0.1:${port}`;

export const basicOf = (client: string): string =>
  `Basic ${Buffer.from(`${client}:${secretOf(client)}`).toString("base64")}`;

function configurationFor(port: number, dataDirectory: string) {
  const issuer = `http://127.0.0.1:${port}`;
  const api = `${issuer}/api`;
  const orders = ["orders.read", "orders.write"];
  return {
    issuer,
    listen: { host: "127.0.0.1", port },
    dataDirectory,
    diskSpace: { reserveMiB: 1 },
    // Short, so that what is kept until the last token has ended can be seen to go.
    maxAccessTokenLifetimeSeconds: 300,
    resources: [
      {
        identifier: RESOURCE,
        name: "Orders",
        scopes: { "orders.read": "Read your orders", "orders.write": "Change your orders" },
        algorithm: "ES256",
      },
      { identifier: OTHER_RESOURCE, name: "Billing", scopes: { "bills.read": "Read your bills" } },
    ],
    clients: [
      publicClient("web", "Demo shop", { [RESOURCE]: orders }),
      publicClient("other", "Other shop", { [RESOURCE]: orders, [OTHER_RESOURCE]: ["bills.read"] }),
      machine("service", { [RESOURCE]: ["orders.read"] }),
      machine("orders", { [RESOURCE]: ["orders.read"], [api]: ["revocations.read"] }),
      machine("billing", { [OTHER_RESOURCE]: ["bills.read"] }),
      machine("admin", { [api]: ["revocations.read", "revocations.write", "keys.read", "keys.write"] }),
      { ...machine("auditor", { [api]: ["revocations.read"] }), introspectsAnyToken: true },
    ],
    users: [
      { ...ALICE, name: "Alice Example", email: "alice@example.com" },
      { ...BOB, name: "Bob Example" },
    ],
  };
}

function publicClient(clientId: string, name: string, resources: Record<string, string[]>) {
  return {
    clientId,
    name,
    redirectUris: [REDIRECT_URI],
    postLogoutRedirectUris: [AFTER_LOGOUT],
    grantTypes: ["authorization_code", "refresh_token"],
    resources,
  };
}

function machine(clientId: string, resources: Record<string, string[]>) {
  return {
    clientId,
    name: clientId,
    clientSecret: secretOf(clientId),
    grantTypes: ["client_credentials"],
    resources,
  };
}
