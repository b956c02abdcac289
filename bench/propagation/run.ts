/** See README.md. Prints a table, and with `--json FILE` writes the same figures with method and machine. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startRedis } from "@portcullis/testing/servers";
import { ADMIN, bearerOf } from "../processes/clients.ts";
import { Part } from "../processes/start-part.ts";
import { type Spread, saveResult, spreadOf } from "../save-result.ts";
import { revokeSession } from "./revoke-session.ts";

const VERIFIERS = [2, 10, 50];
const FEEDS = ["http", "redis"] as const;
const WARM_UP = 20;
const BUDGET = { verifiers: 50, p50Ms: 10, p99Ms: 50 };
const KEY_PREFIX = "bench";

interface Result extends Spread {
  readonly feed: (typeof FEEDS)[number];
  readonly verifiers: number;
}

const { values } = parseArgs({
  options: { json: { type: "string" }, revocations: { type: "string", default: "300" } },
});
const revocations = Number(values.revocations);
const directory = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
const redis = await startRedis();
const { hostname: host, port } = new URL(redis.url);
const connection = { kind: "single", host, port: Number(port) };
const server = await Part.start("server", {
  dataDirectory: directory,
  redis: { connection, keyPrefix: KEY_PREFIX },
});
const issuer = server.started.issuer as string;
const results: Result[] = [];
try {
  for (const verifiers of VERIFIERS) {
    for (const feed of FEEDS) results.push(await measure(feed, verifiers));
  }
  report();
} finally {
  await server.stop();
  await redis.stop();
  rmSync(directory, { recursive: true, force: true });
}

async function measure(feed: Result["feed"], verifiers: number): Promise<Result> {
  const source = feed === "redis" ? { redis: { url: redis.url, keyPrefix: KEY_PREFIX } } : {};
  const part = await Part.start("verifiers", { issuer, count: verifiers, ...source });
  const authorization = await bearerOf(issuer, ADMIN, "revocations.write");
  const times: number[] = [];
  for (let at = -WARM_UP; at < revocations; at++) {
    const took = await revokeSession({ issuer, authorization, verifiers });
    if (at >= 0) times.push(took);
  }
  await part.stop();
  return { feed, verifiers, ...spreadOf(times) };
}

function report(): void {
  console.log(
    `Milliseconds from the revoke call to its receipt "enforced", ${revocations} revocations each\n`,
  );
  console.table(
    results.map(({ feed, verifiers, p50Ms, p99Ms, maxMs }) => ({
      feed,
      verifiers,
      p50: p50Ms.toFixed(1),
      p99: p99Ms.toFixed(1),
      max: maxMs.toFixed(1),
    })),
  );
  for (const { feed, p50Ms, p99Ms } of results.filter(({ verifiers }) => verifiers === BUDGET.verifiers)) {
    const met = p50Ms <= BUDGET.p50Ms && p99Ms <= BUDGET.p99Ms;
    console.log(
      `${met ? "met   " : "MISSED"} 50 verifiers by ${feed}: p50 ${BUDGET.p50Ms} ms, p99 ${BUDGET.p99Ms} ms`,
    );
  }
  const method = `wall time of ${revocations} calls in a row after ${WARM_UP} to warm up; server, verifiers and caller are three processes, Redis a fourth`;
  saveResult(values.json, { scenario: "propagation", method, ...{ budget: BUDGET, results } });
}
