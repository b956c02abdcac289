import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { root } from "../workspace.ts";
import type { DataDirectory } from "./data-directory.ts";
import type { Certificate } from "./network-entry.ts";
import { PARTS, type Part, type PartDefinition } from "./parts.ts";

export interface CommandContext {
  readonly data: DataDirectory;
  /** That of the entry of `--host`, through which the parts call each other too. */
  readonly certificate: Certificate | undefined;
}

const STOP_WITHIN_MS = 10_000;
const READY_WITHIN_MS = 30_000;
const SHOWN_LINES = 15;
const LARGEST_LOG_BYTES = 5_000_000;

/** The argv that starts a part by hand. The same after every restart, so that scripts may keep it. */
export function commandOf(
  definition: PartDefinition,
  { data, certificate }: CommandContext,
): readonly string[] {
  return [
    ...(certificate === undefined ? [] : ["env", `NODE_EXTRA_CA_CERTS=${certificate.certificateFile}`]),
    process.execPath,
    "--conditions=@portcullis/source",
    join(root, definition.program),
    "--config",
    data.pathOf("config", definition.configFile),
  ];
}

export class Children {
  readonly #context: CommandContext;
  readonly #report: (line: string) => void;
  readonly #running = new Map<Part, ChildProcess>();
  /** The length of a part's log before this start: what is behind it is of runs before, and misleads. */
  readonly #logStarts = new Map<Part, number>();
  #stopping = false;

  constructor(context: CommandContext, report: (line: string) => void) {
    this.#context = context;
    this.#report = report;
  }

  get pids(): Record<Part, number> {
    return Object.fromEntries([...this.#running].map(([part, { pid }]) => [part, pid])) as Record<
      Part,
      number
    >;
  }

  /** Spawns a part and waits until it listens. Rejects with the end of its log if it ends instead. */
  async start(definition: PartDefinition): Promise<void> {
    // What is started now would not be among those that `stop` has found to stop.
    if (this.#stopping) return;
    const child = this.#spawn(definition);
    this.#running.set(definition.part, child);
    const ready = new AbortController();
    const exited = once(child, "exit", { signal: ready.signal });
    const outcome = await Promise.race([
      untilReady(child, ready.signal).then(() => "ready" as const),
      exited.then(([code, signal]) => `ended with ${signal ?? `status ${code}`}` as const),
      timeout(READY_WITHIN_MS, ready.signal).then(() => "is not ready after 30 s" as const),
    ]);
    exited.catch(() => {});
    ready.abort();
    if (outcome === "ready") this.#watch(definition, child);
    else if (!this.#stopping)
      throw new Error(`The ${definition.title} ${outcome}.\n${this.#endOfLog(definition)}`);
  }

  /** Verifiers first: they give their leases back to an authorization server that is still there. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const { authServer, ...others } = Object.fromEntries(this.#running);
    await Promise.all(Object.values(others).map(stopChild));
    if (authServer !== undefined) await stopChild(authServer);
  }

  #spawn(definition: PartDefinition): ChildProcess {
    const [file, ...parameters] = commandOf(definition, this.#context) as [string, ...string[]];
    const log = this.#openLog(definition);
    try {
      // A process group of its own: Ctrl-C in a terminal reaches the launcher alone, which stops all in order.
      // When the launcher is gone, the closed IPC channel ends the child.
      return spawn(file, parameters, {
        cwd: root,
        env: withoutSettings(process.env),
        stdio: ["ignore", log, log, "ipc"],
        detached: true,
      });
    } finally {
      closeSync(log);
    }
  }

  #openLog({ part }: PartDefinition): number {
    const file = this.#context.data.pathOf("logs", `${part}.log`);
    const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    const isFull = size > LARGEST_LOG_BYTES;
    if (isFull) renameSync(file, `${file}.1`);
    this.#logStarts.set(part, isFull ? 0 : size);
    return openSync(file, "a", 0o600);
  }

  /** What a part has logged since this start of it. */
  logOf(part: Part): string {
    const file = this.#context.data.pathOf("logs", `${part}.log`);
    return readFileSync(file).subarray(this.#logStarts.get(part)).toString();
  }

  #endOfLog({ part }: PartDefinition): string {
    const file = this.#context.data.pathOf("logs", `${part}.log`);
    const lines = this.logOf(part).trimEnd().split("\n").slice(-SHOWN_LINES);
    return [`The end of ${file}:`, ...lines.map((line) => `  ${line}`)].join("\n");
  }

  #watch(definition: PartDefinition, child: ChildProcess): void {
    child.once("exit", (code, signal) => {
      this.#running.delete(definition.part);
      if (this.#stopping) return;
      const command = commandOf(definition, this.#context).map(quote).join(" ");
      this.#report(
        `The ${definition.title} (process ${child.pid}) ended with ${signal ?? `status ${code}`}; the others run on.\n` +
          `Start it again with:\n  ${command}`,
      );
    });
  }
}

/**
 * Returns the environment without settings of processes: what somebody has exported for the `portcullis` command, or for a server of
 * his, would otherwise change all parts at once.
 */
const withoutSettings = (environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => !/^PORTCULLIS_(?!MUTANT$)/.test(name)));

/** The order in which parts are started: the authorization server, then all that ask it. */
export async function startAll(children: Children): Promise<void> {
  const [first, ...others] = PARTS;
  await children.start(first!);
  await Promise.all(others.map((definition) => children.start(definition)));
}

async function untilReady(child: ChildProcess, signal: AbortSignal): Promise<void> {
  for (;;) {
    const [message] = await once(child, "message", { signal });
    if ((message as { type?: string } | null)?.type === "ready") return;
  }
}

const timeout = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => clearTimeout(timer));
  });

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  // Also ends one that was stopped with SIGSTOP and never sees the first signal.
  const killer = setTimeout(() => child.kill("SIGKILL"), STOP_WITHIN_MS);
  await exited;
  clearTimeout(killer);
}

/** For pasting into a POSIX shell. */
export const quote = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
