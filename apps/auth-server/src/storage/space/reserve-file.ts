import { closeSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";

const CHUNK_BYTES = 1024 * 1024;

/** A file that holds some space, so that it can be given back in an instant when there is none. */
export class ReserveFile {
  readonly #path: string;
  /** What a file system that compresses cannot make small. */
  readonly #chunk: Uint8Array;
  #bytes: number;
  #making = false;

  constructor(path: string, randomBytes: (size: number) => Uint8Array) {
    this.#path = path;
    this.#chunk = randomBytes(CHUNK_BYTES);
    // One that was left by a process that ended is held on to: there may be no other space.
    this.#bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isMaking(): boolean {
    return this.#making;
  }

  /** Begun anew at the size that is wanted. Gives whether it is held; never rejects. */
  async make(bytes: number): Promise<boolean> {
    this.#making = true;
    try {
      this.#bytes = 0;
      rmSync(this.#path, { force: true });
      await this.#write(bytes);
      if (this.#making) this.#bytes = bytes;
    } catch {
      rmSync(this.#path, { force: true });
    }
    const isHeld = this.#making && this.#bytes > 0;
    this.#making = false;
    return isHeld;
  }

  async #write(bytes: number): Promise<void> {
    const file = openSync(this.#path, "w", 0o600);
    try {
      for (let left = bytes; left > 0 && this.#making; left -= CHUNK_BYTES) {
        writeAll(file, this.#chunk.subarray(0, left));
        await nextTurn();
      }
    } finally {
      closeSync(file);
    }
  }

  /** Gives the space back. Whether there was any. */
  release(): boolean {
    const had = this.#bytes > 0 || this.#making;
    this.#making = false;
    this.#bytes = 0;
    rmSync(this.#path, { force: true });
    return had;
  }
}

/** A write may store a part only, and fail with the next. */
function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}
