import { closeSync, fsyncSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { runProgram, undoAtExit } from "./undo.ts";

const SIZE = "48m";
const BLOCK = new Uint8Array(64 * 1024).fill(1);

/** A file system of some megabytes in memory, that can be filled to the last byte. */
export class SmallDisk {
  readonly path: string;
  readonly unmount: () => void;

  constructor(path: string) {
    this.path = path;
    mkdirSync(path, { recursive: true });
    runProgram("mount", "-t", "tmpfs", "-o", `size=${SIZE},mode=0700`, "tmpfs", path);
    // Lazily: a server that was killed this moment may still hold a file there.
    this.unmount = undoAtExit(() => void runProgram("umount", "-l", path));
  }

  /** Until nothing more can be written; also what was free in half a block. */
  fill(): void {
    const file = openSync(this.#ballast(), "a");
    try {
      for (let size = BLOCK.length; size >= 1; size = Math.floor(size / 4)) this.#fillBy(file, size);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(this.#ballast(), { force: true });
  }

  #fillBy(file: number, size: number): void {
    for (;;) {
      try {
        if (writeSync(file, BLOCK, 0, size) < size) return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOSPC") return;
        throw error;
      }
    }
  }

  #ballast(): string {
    return join(this.path, "ballast");
  }
}
