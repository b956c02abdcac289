import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ServerProcess, startProcess } from "../end-to-end/server-process.ts";
import { PATIENCE_MS } from "../patience.ts";
import { freePort } from "../ports.ts";

export interface RedisOptions {
  /** Keeps what is written over a restart; default false. */
  readonly appendOnly?: boolean;
  /** Port on the loopback address of the server that this one copies. */
  readonly replicaOf?: number;
  /** More arguments of `redis-server`. */
  readonly parameters?: readonly string[];
}

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** Of the process that runs now. */
  readonly pid: number;
  /** Sends one command on a connection of its own, and gives the reply as it is on the wire. */
  command(...words: string[]): Promise<string>;
  /** Ends the process and takes its files away. */
  stop(): Promise<void>;
  /** Resolves when the process is gone; files and port stay for `restart`. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** On the same port, with what the options say is kept, or with what `snapshot` saved. */
  restart(options?: { readonly snapshot?: string }): Promise<void>;
  /** Saves what is there now; gives the path of the copy. */
  snapshot(): Promise<string>;
  /** Stops the process as it is (SIGSTOP): it holds its connections and answers nobody. */
  pause(): void;
  resume(): void;
}

/** A throw-away `redis-server` on a free port of the loopback address. Killed at the end of the test process. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const port = await freePort();
  const directory = await mkdtemp(join(tmpdir(), "redis-"));
  const command = commandLine(options, port, directory);
  const dump = join(directory, "dump.rdb");
  let running = await start(command, port);
  let copies = 0;
  const end = async (signal: NodeJS.Signals) => {
    running.child.kill(signal);
    // A process that is stopped takes no signal but this one.
    if (signal !== "SIGKILL") running.child.kill("SIGCONT");
    await running.exited;
  };
  const server: RedisServer = {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return running.pid;
    },
    command: (...words) => sendCommand(port, words),
    async stop() {
      await end("SIGKILL");
      await rm(directory, { recursive: true, force: true });
    },
    kill: (signal = "SIGKILL") => end(signal),
    async restart({ snapshot } = {}) {
      await end("SIGKILL");
      if (snapshot === undefined) await rm(dump, { force: true });
      else await copyFile(snapshot, dump);
      running = await start(command, port);
    },
    async snapshot() {
      await server.command("SAVE");
      const copy = join(directory, `copy-${copies++}.rdb`);
      await copyFile(dump, copy);
      return copy;
    },
    pause: () => void running.child.kill("SIGSTOP"),
    resume: () => void running.child.kill("SIGCONT"),
  };
  return server;
}

function commandLine(options: RedisOptions, port: number, directory: string): string[] {
  const { appendOnly = false, replicaOf, parameters = [] } = options;
  return [
    ...["redis-server", "--port", String(port), "--bind", "127.0.0.1", "--dir", directory],
    ...["--save", "", "--appendonly", appendOnly ? "yes" : "no", "--appendfsync", "always"],
    ...["--repl-diskless-sync-delay", "0"],
    ...(replicaOf === undefined ? [] : ["--replicaof", `127.0.0.1 ${replicaOf}`]),
    ...parameters,
  ];
}

async function start(command: readonly string[], port: number): Promise<ServerProcess> {
  const running = startProcess(command, { stdio: ["ignore", "ignore", "pipe"] });
  await untilAnswers(port, running);
  return running;
}

/** `PONG`, and not yet `LOADING`. */
export async function untilAnswers(port: number, running: ServerProcess): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const reply = await sendCommand(port, ["PING"]).catch((error: Error) => error.message);
    if (reply.startsWith("+PONG")) return;
    if (running.child.exitCode !== null || performance.now() > deadline) {
      await running.stop(0);
      throw new Error(`redis on port ${port} does not answer: ${reply} ${running.errors()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** For one reply that fits into a packet: enough for what tests ask. */
export function sendCommand(port: number, words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1" });
    const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
    socket.once("connect", () => socket.write(`*${words.length}\r\n${parts.join("")}`));
    socket.once("data", (bytes) => {
      resolve(bytes.toString());
      socket.destroy();
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the connection was closed")));
  });
}
