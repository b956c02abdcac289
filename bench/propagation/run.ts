/** See README.md. Prints a table, and with `--json FILE` writes the same figures with method and machine. */
import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Receipt } from "@portcullis/protocol";
import { ADMIN } from "./parts.ts";

const VERIFIERS = [2, 10, 50];
const WARM_UP = 20;
const BUDGET = { verifiers: 50, p50Ms: 10, p99Ms: 50 };

interface Result {
  readonly verifiers: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const { values } = parseArgs({
  options: { json: { type: "string" }, revocations: { type: "string", default: "300" } },
});
const revocations = Number(values.revocations);
const directory = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
const results: Result[] = [];
let server: ChildProcess | undefined;
try {
  const started = await startPart("server", join(directory, "data"));
  server = started.process;
  for (const verifiers of VERIFIERS) results.push(await measure(started.message.url!, verifiers));
  report();
} finally {
  server?.disconnect();
  rmSync(directory, { recursive: true, force: true });
}

async function measure(issuer: string, verifiers: number): Promise<Result> {
  const { process: child } = await startPart("verifiers", issuer, String(verifiers));
  const authorization = await adminToken(issuer);
  const times: number[] = [];
  for (let at = -WARM_UP; at < revocations; at++) {
    const begin = performance.now();
    const receipt = await revokeSession(issuer, authorization);
    const took = performance.now() - begin;
    if (receipt.state !== "enforced" || receipt.acked !== verifiers) {
      throw new Error(`not enforced by all ${verifiers}: ${JSON.stringify(receipt)}`);
    }
    if (at >= 0) times.push(took);
  }
  const ended = once(child, "exit");
  child.send("stop");
  await ended;
  times.sort((left, right) => left - right);
  const share = (part: number): number => times[Math.min(times.length - 1, Math.floor(times.length * part))]!;
  return { verifiers, p50Ms: share(0.5), p99Ms: share(0.99), maxMs: times.at(-1)! };
}

async function adminToken(issuer: string): Promise<string> {
  const basic = Buffer.from(`${ADMIN.id}:${ADMIN.secret}`).toString("base64");
  const response = await fetch(`${issuer}/token`, {
    method: "POST",
    headers: { authorization: `Basic ${basic}` },
    body: new URLSearchParams({
      grant_type: "client_credentials",
      resource: `${issuer}/api`,
      scope: "revocations.write",
    }),
  });
  const { access_token } = (await response.json()) as { access_token: string };
  return `Bearer ${access_token}`;
}

async function revokeSession(issuer: string, authorization: string): Promise<Receipt> {
  const response = await fetch(`${issuer}/revocations`, {
    method: "POST",
    headers: { authorization, "content-type": "application/json", prefer: "wait=5" },
    body: JSON.stringify({ scope: "session", key: randomBytes(16).toString("base64url"), reason: "kicked" }),
  });
  return (await response.json()) as Receipt;
}

async function startPart(...args: readonly string[]) {
  const child = fork(fileURLToPath(new URL("parts.ts", import.meta.url)), args, {
    execArgv: ["--conditions=@portcullis/source"],
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const failed = once(child, "exit").then(([code]) => {
    throw new Error(`${args[0]} did not start: it exited with ${code}`);
  });
  const [message] = (await Promise.race([once(child, "message"), failed])) as [{ url?: string }];
  failed.catch(() => {});
  return { process: child, message };
}

function report(): void {
  console.log(
    `Milliseconds from the revoke call to its receipt "enforced", ${revocations} revocations each\n`,
  );
  const shown = results.map(({ verifiers, p50Ms, p99Ms, maxMs }) => ({
    verifiers,
    p50: p50Ms.toFixed(1),
    p99: p99Ms.toFixed(1),
    max: maxMs.toFixed(1),
  }));
  console.table(shown);
  const largest = results.find(({ verifiers }) => verifiers === BUDGET.verifiers)!;
  const met = largest.p50Ms <= BUDGET.p50Ms && largest.p99Ms <= BUDGET.p99Ms;
  console.log(`${met ? "met   " : "MISSED"} 50 verifiers: p50 ${BUDGET.p50Ms} ms, p99 ${BUDGET.p99Ms} ms`);
  if (values.json === undefined) return;
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
  const method = `wall time of ${revocations} calls in a row after ${WARM_UP} to warm up; server, verifiers and caller are three processes`;
  const date = new Date().toISOString();
  const content = { scenario: "propagation", date, method, machine, budget: BUDGET, results };
  writeFileSync(values.json, `${JSON.stringify(content, null, 2)}\n`);
}
