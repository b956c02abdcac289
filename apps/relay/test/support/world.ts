/** An authorization server, relays and verifiers below them, all of them real and on loopback. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type ConnectedGuard, type ConnectOptions, connect } from "@portcullis/guard";
import { type Log, type Receipt, receiptSchema } from "@portcullis/protocol";
import { RecordedLog } from "@portcullis/testing";
import { freePort } from "@portcullis/testing/ports";
import { createAuthServer, resolveConfiguration } from "../../../auth-server/src/index.ts";
import { type Configuration, type Relay, type RelayOptions, startRelay } from "../../src/index.ts";

export const RESOURCE = "https://orders.portcullis.example";
const secretOf = (clientId: string): string => `${clientId}-secret-0123456789abcdef`;

export interface World {
  readonly issuer: string;
  readonly head: () => number;
  /** Of the authorization server. */
  readonly operatorLog: RecordedLog;
  /** How often anybody has asked for a token. */
  readonly tokenRequests: () => number;
  relay(options?: Partial<Configuration> & Pick<RelayOptions, "fetch">): Promise<Relay>;
  verifier(name: string, feedEndpoint: string, options?: Partial<ConnectOptions>): Promise<ConnectedGuard>;
  /** Of the machine client `service`: what a revocation of that client denies. */
  token(): Promise<string>;
  /** Of a verifier: what it reads the feed with. */
  feedToken(): Promise<string>;
  revokeService(waitSeconds: number): Promise<Receipt>;
  /** Settings of a relay as a process of its own. */
  relayFile(change?: Record<string, unknown>): Promise<string>;
}

export async function startWorld(t: TestContext): Promise<World> {
  const directory = await mkdtemp(join(tmpdir(), "portcullis-relay-"));
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const operatorLog = new RecordedLog();
  const server = await createAuthServer({
    configuration: resolveConfiguration(authServerSettings(issuer, port, directory)),
    operatorLog,
  });
  await server.listen();
  let tokenRequests = 0;
  server.app.server.on("request", ({ url }) => {
    if (url === "/token") tokenRequests++;
  });
  // Relays and verifiers give their leases back to a server that is still there.
  const closings: (() => Promise<void>)[] = [];
  t.after(async () => {
    for (const close of closings.reverse()) await close();
    server.app.server.closeAllConnections();
    await server.close();
    await rm(directory, { recursive: true });
  });
  const tokens = { admin: await tokenOf(issuer, "admin", `${issuer}/api`, "revocations.write") };

  return {
    issuer,
    head: () => server.storage.log.head(),
    operatorLog,
    tokenRequests: () => tokenRequests,
    token: () => tokenOf(issuer, "service", RESOURCE, "orders.read"),
    feedToken: () => tokenOf(issuer, "orders", `${issuer}/api`, "revocations.read"),
    async relay({ fetch, ...change } = {}) {
      const configuration = { ...relaySettings(issuer), ...change };
      const relay = await startRelay({ configuration, log: logOf(t), ...(fetch && { fetch }) });
      closings.push(() => relay.stop());
      await relay.whenReady();
      return relay;
    },
    async verifier(name, feedEndpoint, options = {}) {
      const client = { clientId: "orders", clientSecret: secretOf("orders"), name };
      const log = logOf(t);
      const guard = connect({ issuer, audience: RESOURCE, ...client, feedEndpoint, log, ...options });
      closings.push(() => guard.close());
      await guard.whenReady();
      return guard;
    },
    async revokeService(waitSeconds) {
      const response = await fetch(`${issuer}/revocations`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${tokens.admin}`,
          "content-type": "application/json",
          prefer: `wait=${waitSeconds}`,
        },
        body: JSON.stringify({ scope: "client", key: "service" }),
      });
      return receiptSchema.parse(await response.json());
    },
    async relayFile(change = {}) {
      const file = join(directory, `relay-${Math.random()}.yaml`);
      const settings = { ...relaySettings(issuer), audience: undefined, management: { port: 0 } };
      await writeFile(file, JSON.stringify({ ...settings, ...change }));
      return file;
    },
  };
}

function relaySettings(issuer: string): Configuration {
  return {
    issuer,
    audience: `${issuer}/api`,
    clientId: "relay",
    clientSecret: secretOf("relay"),
    name: "relay",
    listen: { host: "127.0.0.1", port: 0 },
    management: { host: "127.0.0.1", port: 0, isChosen: true },
    leaseMs: 4000,
    upstream: undefined,
    limits: { leasesPerClient: 10_000, streamsPerClient: 10_000 },
  };
}

async function tokenOf(issuer: string, client: string, resource: string, scope: string): Promise<string> {
  const response = await fetch(`${issuer}/token`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`${client}:${secretOf(client)}`)}` },
    body: new URLSearchParams({ grant_type: "client_credentials", resource, scope }),
  });
  const { access_token: token } = (await response.json()) as { access_token?: string };
  if (token === undefined) throw new Error(`no token for ${client}: ${response.status}`);
  return token;
}

function authServerSettings(issuer: string, port: number, dataDirectory: string) {
  const api = `${issuer}/api`;
  const machine = (clientId: string, resources: Record<string, string[]>) => ({
    clientId,
    name: clientId,
    clientSecret: secretOf(clientId),
    grantTypes: ["client_credentials" as const],
    resources,
  });
  return {
    issuer,
    listen: { host: "127.0.0.1", port },
    dataDirectory,
    resources: [{ identifier: RESOURCE, name: "Orders", scopes: { "orders.read": "Read your orders" } }],
    clients: [
      machine("service", { [RESOURCE]: ["orders.read"] }),
      machine("orders", { [api]: ["revocations.read"] }),
      machine("relay", { [api]: ["revocations.read"] }),
      machine("admin", { [api]: ["revocations.write"] }),
    ],
  };
}

/** `DEBUG=1` shows what relays and verifiers say. */
function logOf(t: TestContext): Log {
  const tell = (event: object): void => {
    if (process.env.DEBUG === undefined) return;
    process.stderr.write(`${t.name.slice(0, 9)} ${JSON.stringify(event)}\n`);
  };
  return { info: tell, warn: tell, error: tell };
}
