/** See README.md. Prints a table, and with `--json FILE` writes the same figures with method and machine. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CANDIDATES, type CandidateName, CLIENT, RESOURCE, SCOPE } from "./candidates.ts";

const CONNECTIONS = 8;
const TOKENS_A_WINDOW = 1000;
const WARM_UP_ROUNDS = 3;

interface Candidate {
  readonly name: CandidateName;
  readonly process: ChildProcess;
  readonly url: string;
  /** CPU microseconds a token, one a window. */
  readonly windows: number[];
}

interface Figure {
  readonly min: number;
  readonly median: number;
}

const { values } = parseArgs({
  options: { json: { type: "string" }, rounds: { type: "string", default: "20" } },
});
const rounds = Number(values.rounds);
const directory = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
const candidates: Candidate[] = [];
try {
  for (const name of CANDIDATES) candidates.push(await start(name));
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    for (const candidate of candidates) {
      const microseconds = await windowOf(candidate);
      if (round >= 0) candidate.windows.push(microseconds / TOKENS_A_WINDOW);
    }
  }
  report();
} finally {
  agent.destroy();
  for (const { process: child } of candidates) child.disconnect();
  rmSync(directory, { recursive: true, force: true });
}

async function start(name: CandidateName): Promise<Candidate> {
  const child = fork(
    fileURLToPath(new URL("candidates.ts", import.meta.url)),
    [name, join(directory, "data")],
    {
      execArgv: ["--conditions=@portcullis/source"],
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    },
  );
  const [{ url }] = (await Promise.race([once(child, "message"), failed(child, name)])) as [{ url: string }];
  return { name, process: child, url, windows: [] };
}

async function failed(child: ChildProcess, name: string): Promise<never> {
  const [code] = await once(child, "exit");
  throw new Error(`${name} did not start: it exited with ${code}`);
}

async function windowOf({ process: child, url }: Candidate): Promise<number> {
  const before = await cpuOf(child);
  let left = TOKENS_A_WINDOW;
  const ask = async () => {
    while (left-- > 0) await askForToken(url);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, ask));
  return (await cpuOf(child)) - before;
}

async function cpuOf(child: ChildProcess): Promise<number> {
  child.send("cpu");
  const [{ cpu }] = (await once(child, "message")) as [{ cpu: NodeJS.CpuUsage }];
  return cpu.user + cpu.system;
}

async function askForToken(url: string): Promise<void> {
  const sent = request(`${url}/token`, {
    agent,
    method: "POST",
    auth: `${CLIENT.id}:${CLIENT.secret}`,
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  sent.end(
    String(new URLSearchParams({ grant_type: "client_credentials", resource: RESOURCE, scope: SCOPE })),
  );
  const [response] = await once(sent, "response");
  const { access_token } = (await json(response)) as { access_token?: string };
  if (response.statusCode !== 200 || access_token?.split(".").length !== 3) {
    throw new Error(`no access token: ${response.statusCode}`);
  }
}

function figureOf(windows: readonly number[]): Figure {
  const sorted = windows.toSorted((left, right) => left - right);
  return { min: sorted[0]!, median: sorted[Math.floor(sorted.length / 2)]! };
}

function report(): void {
  const figures = Object.fromEntries(candidates.map(({ name, windows }) => [name, figureOf(windows)]));
  const ratio = figures.portcullis!.min / figures["bare oidc-provider"]!.min;
  console.log("CPU microseconds a client-credentials token: minimum (median) of the windows\n");
  for (const [name, { min, median }] of Object.entries(figures)) {
    console.log(`${name.padEnd(20)} ${min.toFixed(0)} (${median.toFixed(0)})`);
  }
  console.log(`${"ratio".padEnd(20)} ${ratio.toFixed(2)}`);
  if (values.json !== undefined) writeReport(values.json, { figures, ratio });
}

function writeReport(file: string, results: object): void {
  const method = `process.cpuUsage of each server over ${rounds} alternating windows of ${TOKENS_A_WINDOW} tokens, after ${WARM_UP_ROUNDS} to warm up; ${CONNECTIONS} connections; ES256; ratio of minima`;
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    node: process.version,
    openssl: process.versions.openssl,
  };
  const written = { scenario: "token-endpoint", date: new Date().toISOString(), method, machine, results };
  writeFileSync(file, `${JSON.stringify(written, null, 2)}\n`);
}
