import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { PATIENCE_MS } from "../patience.ts";
import { freePortBlock } from "../ports.ts";
import { exchange } from "./exchange.ts";
import {
  adopt,
  isRunning,
  release,
  type ServerProcess,
  signalQuietly,
  startProcess,
} from "./server-process.ts";
import { until } from "./until.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../../..");
/** Base..base+4 and base+10..base+12 are the launcher's; a test's own servers (a second gateway, a slow upstream) take those between. */
const PORTS = 13;

export type Part = "authServer" | "gateway" | "service" | "webApp";

/** The launcher's line of JSON: the contract that scripts rely on. */
export interface StackInfo {
  readonly issuer: string;
  readonly gateway: string;
  readonly service: string;
  readonly webApp: string;
  readonly resource: string;
  readonly api: string;
  readonly demo: { readonly username: string; readonly password: string };
  readonly administrator: { readonly username: string; readonly password: string };
  readonly clients: {
    readonly web: { readonly clientId: string; readonly redirectUris: readonly string[] };
    readonly service: { readonly clientId: string; readonly clientSecret: string; readonly scope: string };
    readonly admin: {
      readonly clientId: string;
      readonly clientSecret: string;
      readonly scope: string;
      readonly resource: string;
    };
  };
  readonly revocations: string;
  readonly routes: { readonly orders: string; readonly open: string };
  readonly pids: Readonly<Record<Part, number>>;
  /** The gateway's `/readyz`, `/status` and `/metrics`. */
  readonly management: string;
  /** `/livez`, `/readyz` and `/metrics` of each. */
  readonly managements: Readonly<Record<Part, string>>;
  readonly commands: Readonly<Record<Part, readonly string[]>>;
}

export interface Stack {
  readonly info: StackInfo;
  readonly dataDirectory: string;
  readonly portBase: number;
  /** A path on the gateway and the same on the service: the two ways to the orders. */
  ways(path?: string): { gateway: string; service: string };
  readonly management: string;
  signal(part: Part, signal: NodeJS.Signals): void;
  /** Ends one part and waits until it is gone. */
  kill(part: Part, signal?: "SIGKILL" | "SIGTERM"): Promise<void>;
  /** Starts a part again with the command that the launcher names for it. */
  start(part: Part): Promise<ServerProcess>;
  stop(): Promise<void>;
}

export interface StackOptions {
  /** Kept when given; otherwise a directory of its own, removed at the end. */
  readonly dataDirectory?: string;
  readonly portBase?: number;
}

export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const dataDirectory = options.dataDirectory ?? (await mkdtemp(join(tmpdir(), "portcullis-e2e-")));
  const portBase = options.portBase ?? (await freePortBlock(PORTS));
  const launcher = startProcess(
    nodeCommand("tools/start.ts", "--json", "--data", dataDirectory, "--port-base", String(portBase)),
    { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] },
  );
  const info = await firstLine(launcher).catch(async (error: unknown) => {
    // What is left behind would keep the test's process alive for ever, and nobody would read why.
    await launcher.stop();
    if (options.dataDirectory === undefined) await rm(dataDirectory, { recursive: true, force: true });
    throw error;
  });
  for (const pid of Object.values(info.pids)) adopt(pid);
  return new RunningStack({
    launcher,
    info,
    dataDirectory,
    portBase,
    keepData: options.dataDirectory !== undefined,
  });
}

/** The pinned Node with a program of this repository. */
export const nodeCommand = (program: string, ...parameters: string[]): string[] => [
  process.execPath,
  "--conditions=@portcullis/source",
  join(ROOT, program),
  ...parameters,
];

async function firstLine(launcher: ServerProcess): Promise<StackInfo> {
  const died = launcher.exited.then(({ code, signal }) => {
    throw new Error(`the launcher ended (${code ?? signal}) before it was ready:\n${launcher.errors()}`);
  });
  const line = new Promise<string>((resolve) => {
    createInterface({ input: launcher.child.stdout! }).once("line", resolve);
  });
  // Longer than the launcher itself waits for its parts, whose end of log is worth more than this.
  const late = AbortSignal.timeout(2 * PATIENCE_MS);
  const tooLate = new Promise<never>((_, reject) => {
    late.addEventListener("abort", () => reject(new Error(`no line of JSON:\n${launcher.errors()}`)));
  });
  return JSON.parse(await Promise.race([line, died, tooLate])) as StackInfo;
}

interface Running {
  readonly launcher: ServerProcess;
  readonly info: StackInfo;
  readonly dataDirectory: string;
  readonly portBase: number;
  readonly keepData: boolean;
}

class RunningStack implements Stack {
  readonly info: StackInfo;
  readonly dataDirectory: string;
  readonly portBase: number;
  readonly management: string;
  readonly #running: Running;
  readonly #pids: Record<Part, number>;
  readonly #restarted = new Map<Part, ServerProcess>();

  constructor(running: Running) {
    this.#running = running;
    this.info = running.info;
    this.dataDirectory = running.dataDirectory;
    this.portBase = running.portBase;
    this.management = running.info.management;
    this.#pids = { ...running.info.pids };
  }

  ways(path = this.info.routes.orders): { gateway: string; service: string } {
    return { gateway: this.info.gateway + path, service: this.info.service + path };
  }

  signal(part: Part, signal: NodeJS.Signals): void {
    process.kill(this.#pids[part], signal);
  }

  async kill(part: Part, signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    const pid = this.#pids[part];
    process.kill(pid, signal);
    await until(() => !isRunning(pid), { what: `the end of ${part} (${pid}) after ${signal}` });
    release(pid);
    this.#restarted.delete(part);
  }

  async start(part: Part): Promise<ServerProcess> {
    const server = startProcess(this.info.commands[part], { cwd: ROOT });
    this.#pids[part] = server.pid;
    this.#restarted.set(part, server);
    return server;
  }

  async stop(): Promise<void> {
    for (const pid of Object.values(this.#pids)) signalQuietly(pid, "SIGCONT");
    await Promise.all([...this.#restarted.values()].map((server) => server.stop()));
    await this.#running.launcher.stop();
    const left = Object.values(this.#pids).filter(isRunning);
    for (const pid of left) signalQuietly(pid, "SIGKILL");
    for (const pid of Object.values(this.#pids)) release(pid);
    if (!this.#running.keepData) await rm(this.dataDirectory, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`the launcher left processes behind: ${left.join(", ")}`);
  }
}

/** Whether the authorization server answers. */
export async function isServing(issuer: string): Promise<boolean> {
  const answer = await exchange(`${issuer}/.well-known/openid-configuration`, { timeoutMs: 2_000 });
  return answer.status === 200;
}
