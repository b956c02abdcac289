import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";

/** Whatever is still alive when the test process ends is killed, or a failed test would leave servers behind. */
const alive = new Set<number>();
process.on("exit", () => {
  for (const pid of alive) signalQuietly(pid, "SIGKILL");
});
// The test runner ends a file that takes too long with SIGTERM, which by itself runs no `exit` listener.
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => process.exit(1));

export interface ServerProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** The last part of its standard error, for the message when something goes wrong. */
  readonly errors: () => string;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** SIGTERM, and SIGKILL if it has not gone by the deadline. Gives the exit. */
  stop(withinMs?: number): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

export function startProcess(command: readonly string[], options: SpawnOptions = {}): ServerProcess {
  const [file, ...parameters] = command as [string, ...string[]];
  const child = spawn(file, parameters, { stdio: ["ignore", "ignore", "pipe"], ...options });
  const pid = child.pid!;
  alive.add(pid);
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-20_000);
  });
  const exited = once(child, "exit").then(([code, signal]) => {
    alive.delete(pid);
    return { code, signal } as { code: number | null; signal: NodeJS.Signals | null };
  });
  return {
    child,
    pid,
    errors: () => errors,
    exited,
    async stop(withinMs = 10_000) {
      child.kill("SIGTERM");
      const killer = setTimeout(() => child.kill("SIGKILL"), withinMs);
      const exit = await exited;
      clearTimeout(killer);
      return exit;
    },
  };
}

/** Marks a grandchild (a server that the launcher started) as one to kill when the test process ends. */
export function adopt(pid: number): void {
  alive.add(pid);
}

export function release(pid: number): void {
  alive.delete(pid);
}

export function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
