/** See README.md. Prints a table, and with `--json FILE` writes the same figures with method and machine. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ensurePrograms } from "../../tools/debian-packages.ts";
import { loadWindow, WINDOW_SECONDS, writeScript } from "./load.ts";
import { type ProxyProcess, startGateway, startHaproxy, startPlainNginx, startService } from "./proxies.ts";
import { LIVE_REVOCATIONS, type Scenario, startScenario, TOKENS } from "./scenario.ts";

const BUDGETS = { "haproxy-ES256": 0.4, "haproxy-RS256": 1.0, "nginx-plain": 3.3 } as const;
type Peer = keyof typeof BUDGETS;
const PEERS = Object.keys(BUDGETS) as Peer[];

interface Figure {
  readonly min: number;
  readonly median: number;
}
type Figures = Readonly<Record<string, Figure>>;

const { values } = parseArgs({
  options: {
    json: { type: "string" },
    rounds: { type: "string", default: "10" },
    /** Where Node writes a CPU profile of the gateway; the figures of such a run do not count. */
    profile: { type: "string" },
  },
});
const rounds = Number(values.rounds);
ensurePrograms(["haproxy", "nginx", "wrk"]);

const directory = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
const scenario = await startScenario();
const running: ProxyProcess[] = [];
try {
  const service = started(await startService(directory));
  const context = { directory, scenario, servicePort: Number(new URL(service.url).port) };
  const nodeOptions = values.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${values.profile}`];
  const gateway = started(await startGateway(context, { nodeOptions }));
  const proxies = [
    gateway,
    started(await startHaproxy("ES256", context)),
    started(await startHaproxy("RS256", context)),
    started(await startPlainNginx(context)),
  ];
  await checkRefusals(proxies, scenario);
  const figures = await measure(proxies);
  const ratios = ratiosOf(figures);
  print(figures, ratios);
  if (values.json !== undefined) writeReport(values.json, figures, ratios);
} finally {
  for (const proxy of running.reverse()) await proxy.stop();
  await scenario.close();
  rmSync(directory, { recursive: true, force: true });
}

function started(proxy: ProxyProcess): ProxyProcess {
  running.push(proxy);
  return proxy;
}

/** A proxy that let everything through would be fast. */
async function checkRefusals(
  [gateway, es256, rs256]: readonly ProxyProcess[],
  from: Scenario,
): Promise<void> {
  const forged = [
    [gateway!, from.es256.forged],
    [gateway!, from.revoked],
    [es256!, from.es256.forged],
    [rs256!, from.rs256.forged],
  ] as const;
  for (const [proxy, token] of forged) {
    const response = await fetch(`${proxy.url}/orders/7`, { headers: { authorization: `Bearer ${token}` } });
    if (response.status !== 401) throw new Error(`${proxy.name} answers ${response.status} to a bad token`);
  }
}

async function measure(proxies: readonly ProxyProcess[]): Promise<Figures> {
  const es256 = writeScript(directory, "es256", scenario.es256.tokens);
  const rs256 = writeScript(directory, "rs256", scenario.rs256.tokens);
  const windows = new Map(proxies.map(({ name }) => [name, [] as number[]]));
  for (let round = -1; round < rounds; round++) {
    for (const proxy of proxies) {
      const window = await loadWindow(proxy, proxy.name === "haproxy-RS256" ? rs256 : es256);
      // The first round warms up.
      if (round >= 0) windows.get(proxy.name)!.push(window.cpuMicrosecondsPerRequest);
    }
  }
  return Object.fromEntries([...windows].map(([name, all]) => [name, figureOf(all)]));
}

function figureOf(windows: readonly number[]): Figure {
  const sorted = windows.toSorted((left, right) => left - right);
  return { min: sorted[0]!, median: sorted[Math.floor(sorted.length / 2)]! };
}

function ratiosOf(figures: Figures): Record<Peer, number> {
  const ratios = PEERS.map((peer) => [peer, figures.gateway!.min / figures[peer]!.min]);
  return Object.fromEntries(ratios) as Record<Peer, number>;
}

function print(figures: Figures, ratios: Readonly<Record<Peer, number>>): void {
  console.log("CPU microseconds a request\n");
  console.table(
    Object.fromEntries(
      Object.entries(figures).map(([name, { min, median }]) => [
        name,
        { minimum: min.toFixed(1), median: median.toFixed(1) },
      ]),
    ),
  );
  for (const peer of PEERS) {
    const verdict = ratios[peer] <= BUDGETS[peer] ? "met   " : "MISSED";
    console.log(`${verdict} gateway / ${peer}: ${ratios[peer].toFixed(3)}, budget ${BUDGETS[peer]}`);
  }
}

function writeReport(file: string, figures: Figures, ratios: object): void {
  const report = {
    scenario: "gateway",
    date: new Date().toISOString(),
    method: `utime + stime of the proxy process over the requests of wrk, ${rounds} alternating windows of ${WINDOW_SECONDS} s a proxy after one to warm up; 32 kept-alive connections; ${TOKENS} tokens in turn; ${LIVE_REVOCATIONS} live revoked sessions; ratios of minima`,
    machine: {
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      kernel: release(),
      node: process.version,
      haproxy: firstLine("haproxy", "-v"),
      nginx: firstLine("nginx", "-v"),
    },
    budgets: BUDGETS,
    figures,
    ratios,
  };
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
}

function firstLine(program: string, flag: string): string {
  const script = `PATH="$PATH:/usr/sbin" ${program} ${flag} 2>&1`;
  return execFileSync("sh", ["-c", script], { encoding: "utf8" }).split("\n")[0]!;
}
