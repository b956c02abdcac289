/** See README.md. Prints a table, and with `--json FILE` writes the same figures with method and machine. */
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { freePort } from "@portcullis/testing/ports";
import { startPostgres } from "@portcullis/testing/servers";
import type { DatabaseOptions } from "../../apps/auth-server/src/storage/storage.ts";
import { ADMIN, AUDIENCE, bearerOf } from "../processes/clients.ts";
import { Part } from "../processes/start-part.ts";
import { saveResult, spreadOf } from "../save-result.ts";
import { usernameOf } from "./seed.ts";
import { seedServer, waitForDisk } from "./seed-server.ts";

const { values } = parseArgs({
  options: {
    json: { type: "string" },
    users: { type: "string", default: "100000" },
    driver: { type: "string", multiple: true, default: ["sqlite", "postgres"] },
    /** Directory of the seeded data on SQLite: made if it is not there, and copied by each run that finds it. */
    seeded: { type: "string" },
  },
});
const users = Number(values.users);
const SESSIONS_PER_USER = 3;
const READS = 200;
const ENDINGS = 100;
const API_SCOPE = [
  ...["users.read", "users.write", "sessions.read", "bans.write", "apps.write", "apis.write", "config.write"],
  "revocations.write",
].join(" ");

interface Result {
  readonly driver: string;
  readonly what: string;
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly longestHoldWallMs: number;
  readonly longestHoldCpuMs: number;
}

const results: Result[] = [];
for (const driver of values.driver) {
  const directory = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
  const postgres = driver === "postgres" ? await startPostgres() : undefined;
  try {
    const database: DatabaseOptions =
      postgres === undefined
        ? { kind: "sqlite", file: join(directory, "auth-server.sqlite") }
        : { kind: "postgres", url: await postgres.createDatabase(), poolSize: 16 };
    await measureDriver(driver, directory, database);
  } finally {
    await postgres?.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}
console.table(results);
const method = `wall time of each request, one after the other, with ${users} users; holds of the event loop by monitorEventLoopDelay (wall) and thread CPU time`;
saveResult(values.json, { scenario: "people", method, ...{ users, results } });

async function measureDriver(driver: string, directory: string, database: DatabaseOptions): Promise<void> {
  const port = await freePort();
  const options = {
    port,
    dataDirectory: directory,
    ...(database.kind === "postgres" ? { database } : {}),
  };
  if (driver === "sqlite" && values.seeded !== undefined && existsSync(values.seeded))
    cpSync(values.seeded, directory, { recursive: true });
  else {
    await seedServer({
      database,
      server: options,
      people: { users, sessionsPerUser: SESSIONS_PER_USER, bigApp: "shop", otherApp: "mail" },
    });
    if (driver === "sqlite" && values.seeded !== undefined)
      cpSync(directory, values.seeded, { recursive: true });
  }
  if (database.kind === "sqlite") waitForDisk(database.file);
  const server = await Part.start("people", options);
  try {
    await measureAll(driver, server, `http://127.0.0.1:${port}`);
  } finally {
    await server.stop();
  }
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: object;
}

type Measure = (what: string, requests: number, call: (at: number) => Call) => Promise<void>;

async function measureAll(driver: string, server: Part, issuer: string): Promise<void> {
  const keep = (what: string, requests: number, times: Times) => {
    results.push({ driver, what, requests, ...times });
    console.error(JSON.stringify(results.at(-1)));
  };
  const measure: Measure = async (what, requests, call) =>
    keep(what, requests, await timesOf(server, { issuer, requests, call }));
  /** Each once: whoever is gone is not ended again. */
  let next = 0;
  const somebodyElse = () => usernameOf(next++);
  await measureReads(measure);
  await measureOneUser(measure, somebodyElse);
  await measureBulk(measure, {
    somebodyElse,
    async untilCleared(what) {
      await server.ask({ watch: true });
      const { waitedMs } = await server.ask<{ waitedMs: number }>({ cleared: true });
      keep(what, 1, { p50Ms: rounded(waitedMs), p99Ms: rounded(waitedMs), ...(await holdsOf(server)) });
    },
  });
}

function anybody(): string {
  return usernameOf(Math.floor(Math.random() * users));
}

function get(path: string): Call {
  return { method: "GET", path: `/api/v1${path}` };
}

async function measureReads(measure: Measure): Promise<void> {
  await measure("list users, first page of 50", READS, () => get("/users?limit=50"));
  await measure("list users, first page of 200, with total", READS / 4, () =>
    get("/users?limit=200&total=true"),
  );
  await measure("search, exact username", READS, () => get(`/users?q=${anybody()}`));
  await measure("search, prefix of 100 users", READS, () => get(`/users?q=${anybody().slice(0, -2)}`));
  await measure("search, prefix of everybody", READS, () => get("/users?q=user-"));
  await measure("search, name", READS, () => get(`/users?q=${encodeURIComponent("Person 1")}`));
  await measure("search, nobody", READS, () => get("/users?q=zzz"));
  await measure("read one user", READS, () => get(`/users/${anybody()}`));
  await measure("list sessions, first page of 50", READS, () => get("/sessions?limit=50"));
  await measure("list sessions of one user", READS, () => get(`/users/${anybody()}/sessions`));
  await measure("list sessions of an app, first page of 50", READS, () => get("/sessions?app=shop&limit=50"));
}

async function measureOneUser(measure: Measure, somebodyElse: () => string): Promise<void> {
  await measure("end all of one user, dry run", ENDINGS, () => ({
    method: "POST",
    path: "/revocations?dryRun=true",
    body: { scope: "subject", key: anybody(), mode: "kill", reason: "kicked" },
  }));
  await measure("end all of one user", ENDINGS, () => ({
    method: "POST",
    path: "/revocations",
    body: { scope: "subject", key: somebodyElse(), mode: "kill", reason: "kicked" },
  }));
  await measure("ban one user", ENDINGS, () => ({
    method: "POST",
    path: `/api/v1/users/${somebodyElse()}/bans`,
    body: { scope: "all", reason: "bench" },
  }));
  await measure("disable one user", ENDINGS, () => disable(somebodyElse()));
  await measure("delete one user", ENDINGS, () => ({
    method: "DELETE",
    path: `/api/v1/users/${somebodyElse()}`,
  }));
}

function disable(user: string): Call {
  return { method: "POST", path: `/api/v1/users/${user}/disable`, body: {} };
}

interface Bulk {
  readonly somebodyElse: () => string;
  readonly untilCleared: (what: string) => Promise<void>;
}

async function measureBulk(measure: Measure, { somebodyElse, untilCleared }: Bulk): Promise<void> {
  const app = `app with ${users} grants`;
  await measure("shorten the policy", 1, () => ({
    method: "PATCH",
    path: "/api/v1/policies/default",
    body: { idleSeconds: 86_400 },
  }));
  await measure(`delete an ${app}, dry run`, 5, () => ({
    method: "DELETE",
    path: "/api/v1/apps/shop?dryRun=true",
  }));
  await measure(`delete an ${app}`, 1, () => ({ method: "DELETE", path: "/api/v1/apps/shop" }));
  await measure("disable one user, while the rows of the app go", ENDINGS, () => disable(somebodyElse()));
  await untilCleared("then, until its last row is gone");
  await measure(`delete an API that ${users} users have allowed`, 1, () => ({
    method: "DELETE",
    path: `/api/v1/apis/${encodeURIComponent(AUDIENCE)}`,
  }));
  await measure("disable one user, while the API is forgotten", ENDINGS, () => disable(somebodyElse()));
  await untilCleared("then, until it is forgotten");
  const everything = { scope: "issuer", mode: "kill", reason: "revoked" };
  await measure("end everything, dry run", 1, () => ({
    method: "POST",
    path: "/revocations?dryRun=true",
    body: everything,
  }));
  await measure("end everything", 1, () => ({ method: "POST", path: "/revocations", body: everything }));
  await measure("disable one user, while the rows of all go", ENDINGS, () => disable(somebodyElse()));
}

interface Load {
  readonly issuer: string;
  readonly requests: number;
  readonly call: (at: number) => Call;
}

type Times = Pick<Result, "p50Ms" | "p99Ms" | "longestHoldWallMs" | "longestHoldCpuMs">;

async function timesOf(server: Part, { issuer, requests, call }: Load): Promise<Times> {
  const authorization = await bearerOf(issuer, ADMIN, API_SCOPE);
  await server.ask({ watch: true });
  const times: number[] = [];
  for (let at = 0; at < requests; at++) {
    const { method, path, body } = call(at);
    const began = performance.now();
    const answer = await fetch(`${issuer}${path}`, {
      method,
      headers: { authorization, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    times.push(performance.now() - began);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  }
  const { p50Ms, p99Ms } = spreadOf(times);
  return { p50Ms: rounded(p50Ms), p99Ms: rounded(p99Ms), ...(await holdsOf(server)) };
}

async function holdsOf(server: Part): Promise<Pick<Result, "longestHoldWallMs" | "longestHoldCpuMs">> {
  const { wallMs, cpuMs } = await server.ask<{ wallMs: number; cpuMs: number }>({ holds: true });
  return { longestHoldWallMs: rounded(wallMs), longestHoldCpuMs: rounded(cpuMs) };
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}
