import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePortBlock } from "../end-to-end/ports.ts";
import { startProcess } from "../end-to-end/server-process.ts";
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
  const port = await freePortBlock(1);
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
  const parameters = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
  const nodes = await Promise.all([0, 1, 2].map(() => startRedis({ parameters })));
  for (const [index, node] of nodes.entries()) {
    const range = [Math.ceil((index * SLOTS) / 3), Math.ceil(((index + 1) * SLOTS) / 3) - 1];
    await node.command("CLUSTER", "ADDSLOTSRANGE", ...range.map(String));
    await node.command("CONFIG", "SET", "cluster-announce-ip", "127.0.0.1");
    await node.command("CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
    if (index > 0) await node.command("CLUSTER", "MEET", "127.0.0.1", String(nodes[0]!.port));
  }
  await Promise.all(nodes.map(untilWhole));
  return {
    nodes,
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

async function untilWhole({ port }: RedisServer): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const info = await sendCommand(port, ["CLUSTER", "INFO"]);
    if (info.includes("cluster_state:ok") && info.includes("cluster_known_nodes:3")) return;
    if (performance.now() > deadline) throw new Error(`the cluster does not come together: ${info}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
