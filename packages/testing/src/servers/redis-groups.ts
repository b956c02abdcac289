import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProcess } from "../end-to-end/server-process.ts";
import { PATIENCE_MS } from "../patience.ts";
import { freePort, freePortBlock } from "../ports.ts";
import { type RedisServer, sendCommand, startRedis, untilAnswers } from "./redis.ts";

const SLOTS = 16_384;

export interface RedisSentinelGroup {
  readonly name: string;
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly sentinelPort: number;
  stop(): Promise<void>;
}

/** One master, one replica, and one Sentinel, whose word is enough for a failover. */
export async function startRedisSentinel(): Promise<RedisSentinelGroup> {
  const name = "portcullis";
  const master = await startRedis();
  const replica = await startRedis({ replicaOf: master.port });
  const port = await freePort();
  const directory = await mkdtemp(join(tmpdir(), "redis-sentinel-"));
  const file = join(directory, "sentinel.conf");
  await writeFile(
    file,
    [
      `port ${port}`,
      "bind 127.0.0.1",
      `dir ${directory}`,
      `sentinel monitor ${name} 127.0.0.1 ${master.port} 1`,
      `sentinel down-after-milliseconds ${name} 500`,
      `sentinel failover-timeout ${name} 2000`,
      "",
    ].join("\n"),
  );
  const sentinel = startProcess(["redis-server", file, "--sentinel"]);
  await untilAnswers(port, sentinel);
  return {
    name,
    master,
    replica,
    sentinelPort: port,
    async stop() {
      await sentinel.stop(0);
      await Promise.all([master.stop(), replica.stop(), rm(directory, { recursive: true, force: true })]);
    },
  };
}

export interface RedisClusterGroup {
  readonly nodes: readonly RedisServer[];
  stop(): Promise<void>;
}

/** Three masters that share the slots. */
export async function startRedisCluster(): Promise<RedisClusterGroup> {
  // Not the port plus 10,000, as by default: somebody else may have that one, most of all another node of ours.
  const buses = await freePorts(3);
  const nodes = await allOrNone(buses.map((bus) => startRedis({ parameters: clusterParameters(bus) })));
  for (const [index, node] of nodes.entries()) {
    const range = [Math.ceil((index * SLOTS) / 3), Math.ceil(((index + 1) * SLOTS) / 3) - 1];
    await node.command("CLUSTER", "ADDSLOTSRANGE", ...range.map(String));
    await node.command("CONFIG", "SET", "cluster-announce-ip", "127.0.0.1");
    await node.command("CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
    if (index > 0) await node.command("CLUSTER", "MEET", "127.0.0.1", ...portsOf(nodes[0]!, buses[0]!));
  }
  await Promise.all(nodes.map(untilWhole));
  return {
    nodes,
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

const clusterParameters = (bus: number): readonly string[] => [
  "--cluster-enabled",
  "yes",
  "--cluster-node-timeout",
  "2000",
  "--cluster-port",
  String(bus),
];

const portsOf = ({ port }: RedisServer, bus: number): readonly string[] => [String(port), String(bus)];

/** Neighbours, so that none is given out twice. */
async function freePorts(count: number): Promise<readonly number[]> {
  const first = await freePortBlock(count);
  return Array.from({ length: count }, (_, at) => first + at);
}

/** Whoever starts all waits for all: a server that is left behind when another does not come up keeps its test alive for ever. */
async function allOrNone(starting: readonly Promise<RedisServer>[]): Promise<readonly RedisServer[]> {
  const results = await Promise.allSettled(starting);
  const started = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const failed = results.find((result) => result.status === "rejected");
  if (failed === undefined) return started;
  await Promise.all(started.map((server) => server.stop()));
  throw failed.reason;
}

async function untilWhole({ port }: RedisServer): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const info = await sendCommand(port, ["CLUSTER", "INFO"]);
    if (info.includes("cluster_state:ok") && info.includes("cluster_known_nodes:3")) return;
    if (performance.now() > deadline) throw new Error(`the cluster does not come together: ${info}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
