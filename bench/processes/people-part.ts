/**
 * An authorization server with people, as a process. Answers `{ watch: true }`, and then `{ holds: true }` with how long the event
 * loop was held since: by the wall clock, which a busy machine makes longer, and in CPU of the thread, which nobody else does; and
 * with the longest collection of garbage, and the memory that the process has now. `{ collect: true }` collects garbage before it answers.
 */
import { monitorEventLoopDelay, PerformanceObserver } from "node:perf_hooks";
import { createAuthServer, createLog, resolveConfiguration } from "@portcullis/auth-server";
import { API_SCOPES } from "@portcullis/protocol";
import { ADMIN, AUDIENCE, PERSON, REDIRECT_URI } from "./clients.ts";

export interface PeopleServerOptions {
  readonly port: number;
  readonly dataDirectory: string;
  /** As in the configuration file. */
  readonly database?: object;
  /** Of the app `shop`, which has none by default. */
  readonly backchannelLogoutUri?: string;
}

export const APPS = ["shop", "mail"] as const;
/** Of a timer that only counts what it came late by. */
const TICK_MS = 1;

const { port, dataDirectory, database, backchannelLogoutUri } = JSON.parse(
  process.argv[2]!,
) as PeopleServerOptions;
const issuer = `http://127.0.0.1:${port}`;
const operatorLog = createLog({
  name: "auth-server",
  destination: { write: (line) => line.includes('"level":"error"') && process.stderr.write(line) },
});
const server = await createAuthServer({
  configuration: resolveConfiguration({
    issuer,
    listen: { host: "127.0.0.1", port },
    dataDirectory,
    ...(database === undefined ? {} : { database }),
    ...(backchannelLogoutUri === undefined
      ? {}
      : { outgoing: { privateTargets: [new URL(backchannelLogoutUri).host] } }),
    resources: [{ identifier: AUDIENCE, name: "Orders", scopes: { "orders.read": "Read your orders" } }],
    clients: [
      {
        clientId: ADMIN.id,
        name: ADMIN.id,
        clientSecret: ADMIN.secret,
        grantTypes: ["client_credentials"],
        resources: { [`${issuer}/api`]: Object.values(API_SCOPES) },
      },
      ...APPS.map((clientId) => ({
        clientId,
        name: clientId,
        redirectUris: [REDIRECT_URI],
        grantTypes: ["authorization_code", "refresh_token"],
        resources: { [AUDIENCE]: ["orders.read"] },
        ...(clientId === "shop" && backchannelLogoutUri !== undefined ? { backchannelLogoutUri } : {}),
      })),
    ],
    users: [{ ...PERSON, name: "Seed", email: "seed@example.com" }],
  }),
  operatorLog,
});
await server.listen();

let longestGcMs = 0;
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) longestGcMs = Math.max(longestGcMs, duration);
}).observe({ entryTypes: ["gc"] });
const delay = monitorEventLoopDelay({ resolution: TICK_MS });
delay.enable();
let longestCpuMs = 0;
let before = process.threadCpuUsage();
setInterval(() => {
  const { user, system } = process.threadCpuUsage(before);
  before = process.threadCpuUsage();
  longestCpuMs = Math.max(longestCpuMs, (user + system) / 1000);
}, TICK_MS).unref();

/** A read that failed does not say: on a busy machine a connection to PostgreSQL may come too late. */
async function isSomethingLeft(): Promise<boolean> {
  const left = server.storage.read.selectFrom("oidc_bulk_endings").select("seq");
  return left.executeTakeFirst().then(
    (row) => row !== undefined,
    () => true,
  );
}

/** Answers once nothing is left of what ended in bulk. */
async function untilCleared(): Promise<void> {
  const began = performance.now();
  while (await isSomethingLeft()) await new Promise((resolve) => setTimeout(resolve, 20));
  process.send!({ waitedMs: performance.now() - began });
}

process.on("disconnect", () => process.exit());
process.on("message", (question) => {
  if ("watch" in (question as object)) {
    delay.reset();
    longestCpuMs = 0;
    longestGcMs = 0;
  }
  if ("cleared" in (question as object)) {
    void untilCleared();
    return;
  }
  if ("collect" in (question as object)) globalThis.gc!();
  const { rss: rssBytes, heapUsed: heapBytes } = process.memoryUsage();
  process.send!({
    wallMs: Math.max(0, delay.max / 1e6),
    cpuMs: longestCpuMs,
    gcMs: longestGcMs,
    rssBytes,
    heapBytes,
  });
});
process.send!({ issuer });
