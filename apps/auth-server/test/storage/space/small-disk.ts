import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

const BLOCK = new Uint8Array(64 * 1024).fill(1);

/** A file system of some megabytes, in memory, that can be filled to its last byte. */
export interface SmallDisk {
  readonly path: string;
  fill(): void;
  /** Takes away what `fill` wrote. */
  free(): void;
  /** To be called once nothing runs there any more. */
  remove(): void;
}

/** Undefined, with the test marked as skipped, where nobody may mount one. */
export function smallDisk(t: TestContext, mebibytes: number): SmallDisk | undefined {
  const path = mkdtempSync(join(tmpdir(), "portcullis-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m,mode=0700`, "tmpfs", path], {
      stdio: "ignore",
    });
  } catch {
    rmSync(path, { recursive: true });
    t.skip("a full disk was not tried: mounting a tmpfs needs root and the right to mount");
    return undefined;
  }
  const ballast = join(path, "ballast");
  return {
    path,
    fill: () => fillFile(ballast),
    free: () => rmSync(ballast, { force: true }),
    remove() {
      // Lazily: a server that did not stop may still hold a file there.
      execFileSync("umount", ["-l", path]);
      rmSync(path, { recursive: true });
    },
  };
}

function fillFile(path: string): void {
  const file = openSync(path, "a");
  for (let size = BLOCK.length; size >= 1; size = Math.floor(size / 4)) fillBy(file, size);
  closeSync(file);
}

function fillBy(file: number, size: number): void {
  for (;;) {
    try {
      if (writeSync(file, BLOCK, 0, size) < size) return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOSPC") return;
      throw error;
    }
  }
}
