#!/usr/bin/env -S node --conditions=@portcullis/source
/** The `portcullis` command: this process, its terminal and its signals, around `run`. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { Io } from "./io.ts";
import { run } from "./run.ts";

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

const io: Io = {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  fetch,
  isTerminal: process.stdout.isTTY === true,
  columns: () => process.stdout.columns || 80,
  now: Date.now,
  delay: (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
  signal: stop.signal,
  openBrowser,
  ...(process.stdin.isTTY && process.stdout.isTTY ? { ask } : {}),
};

/** Whatever becomes of it: the address is printed too. */
function openBrowser(url: URL): boolean {
  const command = browserCommand();
  if (command === undefined) return false;
  const [file, ...before] = command;
  const child = spawn(file, [...before, url.href], { stdio: "ignore", detached: true });
  child.on("error", () => {});
  child.unref();
  return true;
}

/** None in a session over SSH, whose browser would be somebody else's. */
function browserCommand(): readonly [string, ...string[]] | undefined {
  const { env, platform } = process;
  if (env.SSH_CONNECTION !== undefined) return undefined;
  if (platform === "darwin") return ["open"];
  // Not through a shell, which would read the address.
  if (platform === "win32") return ["rundll32", "url.dll,FileProtocolHandler"];
  return env.DISPLAY || env.WAYLAND_DISPLAY ? ["xdg-open"] : undefined;
}

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(question, { signal: stop.signal });
  } finally {
    lines.close();
  }
}

// Whoever reads may have read enough (`portcullis revocations list | head`).
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await run(process.argv.slice(2), io);
