/** See README.md. Prints a table, and with `--json FILE` writes the same figures with method and machine. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CANDIDATES } from "./candidates.ts";
import { CONNECTIONS, GRANTS, type Grant, TOKENS_PER_WINDOW, TokenServer } from "./token-server.ts";

const WARM_UP_ROUNDS = 3;

interface Figure {
  readonly min: number;
  readonly median: number;
}

const { values } = parseArgs({
  options: { json: { type: "string" }, rounds: { type: "string", default: "20" } },
});
const rounds = Number(values.rounds);
const directory = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
const servers: TokenServer[] = [];
try {
  for (const name of CANDIDATES) {
    servers.push(await TokenServer.start({ name, dataDirectory: join(directory, "data") }));
  }
  report(await measure());
} finally {
  for (const server of servers) server.stop();
  rmSync(directory, { recursive: true, force: true });
}

/** CPU microseconds a token of each grant, one a window. */
async function measure(): Promise<ReadonlyMap<Grant, ReadonlyMap<string, number[]>>> {
  const windowsOf = () => new Map(servers.map(({ name }) => [name as string, [] as number[]]));
  const windows = new Map(GRANTS.map((grant) => [grant, windowsOf()]));
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    for (const grant of GRANTS) {
      for (const server of servers) {
        const microseconds = await server.window(grant);
        if (round >= 0) windows.get(grant)!.get(server.name)!.push(microseconds);
      }
    }
  }
  return windows;
}

function figureOf(windows: readonly number[]): Figure {
  const sorted = windows.toSorted((left, right) => left - right);
  return { min: sorted[0]!, median: sorted[Math.floor(sorted.length / 2)]! };
}

function report(measured: ReadonlyMap<Grant, ReadonlyMap<string, number[]>>): void {
  const results = Object.fromEntries(
    [...measured].map(([grant, windows]) => {
      const figures = Object.fromEntries([...windows].map(([name, all]) => [name, figureOf(all)]));
      return [grant, { figures, ratio: figures.portcullis!.min / figures["bare oidc-provider"]!.min }];
    }),
  );
  for (const [grant, { figures, ratio }] of Object.entries(results)) {
    console.log(`CPU microseconds a token, ${grant}: minimum (median) of the windows\n`);
    for (const [name, { min, median }] of Object.entries(figures)) {
      console.log(`${name.padEnd(20)} ${min.toFixed(0)} (${median.toFixed(0)})`);
    }
    console.log(`${"ratio".padEnd(20)} ${ratio.toFixed(2)}\n`);
  }
  if (values.json !== undefined) writeReport(values.json, results);
}

function writeReport(file: string, results: object): void {
  const method = `process.cpuUsage of each server over ${rounds} alternating windows of ${TOKENS_PER_WINDOW} tokens, after ${WARM_UP_ROUNDS} to warm up; ${CONNECTIONS} connections; ES256; ratio of minima`;
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    node: process.version,
    openssl: process.versions.openssl,
  };
  const written = { scenario: "token-endpoint", date: new Date().toISOString(), method, machine, results };
  writeFileSync(file, `${JSON.stringify(written, null, 2)}\n`);
}
