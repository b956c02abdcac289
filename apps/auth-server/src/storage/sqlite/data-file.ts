import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { storageError } from "../errors.ts";

/** Makes the directory for the owner alone, and the file before SQLite would make it for everybody to read. */
export function prepareDataFile(file: string): void {
  try {
    const directory = dirname(file);
    // Only a directory that we made is ours to close to others; one that was there is the operator's choice.
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    closeSync(openSync(file, "a", 0o600));
    chmodSync(file, 0o600);
  } catch (cause) {
    throw storageError("data_unusable", {
      text: `The data file ${file} cannot be made: ${(cause as Error).message}. Check the path and its owner.`,
      cause,
    });
  }
}

/**
 * Lets one process at a time use the data: the newest seq is kept in memory, and a second writer would make it
 * wrong. The operating system frees the lock when the process dies, however it dies.
 */
export function lockDataFile(file: string): { release(): void } {
  const lockFile = `${file}.lock`;
  prepareDataFile(lockFile);
  const lock = new DatabaseSync(lockFile, { timeout: 0 });
  try {
    lock.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (cause) {
    lock.close();
    throw storageError("data_in_use", {
      text: `Another server is running on ${file}. Stop it, or give this one another data directory.`,
      cause,
    });
  }
  return { release: () => lock.close() };
}
