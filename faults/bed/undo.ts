import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";

/** What was changed outside of this process: packet filter rules, mounts, folders. */
const changes = new Map<symbol, () => void>();

/** However this process ends, and so without a promise: nothing asynchronous runs any more. */
function undoAll(): void {
  for (const undo of [...changes.values()].reverse()) {
    try {
      undo();
    } catch (error) {
      process.stderr.write(`could not be undone: ${(error as Error).message}\n`);
    }
  }
}

/** Remembers how to undo a change; gives the function that undoes it now, once. */
export function undoAtExit(undo: () => void): () => void {
  const key = Symbol("change");
  const once = (): void => {
    if (changes.delete(key)) undo();
  };
  changes.set(key, once);
  // Last of all: servers that were started before this are ended by then, and write into no folder any more.
  process.removeListener("exit", undoAll);
  process.on("exit", undoAll);
  return once;
}

export function removeAtExit(folder: string): () => void {
  return undoAtExit(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
}

/** Runs a program of the system to its end. Throws with what it said when it fails. */
export function runProgram(file: string, ...parameters: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(file, parameters, {
    encoding: "utf8",
    env: { ...process.env, PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` },
  });
  if (status === 0) return stdout;
  throw new Error(`${file} ${parameters.join(" ")} failed: ${error?.message ?? stderr.trim()}`);
}
