import { chmodSync, existsSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";

const MEMORY = "/dev/shm";
/** A run keeps less than a tenth of this at once; a container may have 64 MiB. */
const LEAST_FREE_BYTES = 4 * 1024 ** 3;

/**
 * Variables under which what tests write for the moment (databases, keys, logs) stays in memory, and modules are compiled once
 * and not by each process. Nothing here cuts the power: what a killed process has written is there either way.
 * None on a machine without room for it.
 */
export function memoryFolder(): Readonly<Record<string, string>> {
  if (!existsSync(MEMORY)) return {};
  const { bavail, bsize } = statfsSync(MEMORY);
  if (bavail * bsize < LEAST_FREE_BYTES) return {};
  const folder = mkdtempSync(join(MEMORY, "portcullis-tests-"));
  // PostgreSQL runs as a user of its own, below it.
  chmodSync(folder, 0o711);
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  return { TMPDIR: folder, NODE_COMPILE_CACHE: join(folder, "compiled") };
}
