import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "@portcullis/protocol";
import { openStorage } from "../../apps/auth-server/src/storage/open-storage.ts";
import type { Storage } from "../../apps/auth-server/src/storage/storage.ts";
import { START_MS } from "../world/node-clock.ts";
import { seededRandom } from "../world/seeded-random.ts";

/** Short, so that records expire and are pruned while a verifier is away. */
export const LIFETIME_SECONDS = 12;
export const SKEW_SECONDS = 5;

/** In memory where the system has such a folder: what a disk forgets when the power fails is not simulated. */
const PARENT = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

export interface DataFolder {
  /** A database of its own for a run; a copy of an empty one, so that no run waits for the migrations. */
  fileFor(run: string): Promise<string>;
  forget(file: string): void;
  remove(): void;
}

export function createDataFolder(): DataFolder {
  const folder = mkdtempSync(join(PARENT, "portcullis-simulation-"));
  const template = join(folder, "template.sqlite");
  let made: Promise<void> | undefined;
  return {
    async fileFor(run) {
      made ??= makeTemplate(template);
      await made;
      const file = join(folder, `${run}.sqlite`);
      copyFileSync(template, file);
      return file;
    },
    forget(file) {
      for (const ending of ["", "-wal", "-shm", ".lock"]) rmSync(file + ending, { force: true });
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

async function makeTemplate(file: string): Promise<void> {
  const clock = { wallMs: () => START_MS, monotonicMs: () => 0 };
  const storage = await openDataFile(file, { clock, lifetimeSeconds: LIFETIME_SECONDS, seed: 0 });
  await storage.close();
}

export function openDataFile(
  file: string,
  options: {
    readonly clock: Clock;
    readonly lifetimeSeconds: number;
    readonly seed: number;
  },
): Promise<Storage> {
  return openStorage({
    database: { kind: "sqlite", file },
    tokenLifetimeSeconds: options.lifetimeSeconds,
    clockSkewSeconds: SKEW_SECONDS,
    clock: options.clock,
    randomBytes: seededRandom(options.seed).bytes,
  });
}
