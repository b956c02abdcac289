#!/usr/bin/env -S node --conditions=@portcullis/source
/** The `portcullis` command: this process, its terminal and its signals, around `run`. */
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
  ...(process.stdin.isTTY && process.stdout.isTTY ? { ask } : {}),
};

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
