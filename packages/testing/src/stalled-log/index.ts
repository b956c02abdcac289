import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A named pipe: 64 KiB of room, and a reader that begins when it is told to. */
export class StalledLog {
  /** Give it to a child as its standard error. */
  readonly writeEnd: number;
  readonly #directory: string;
  readonly #readEnd: number;
  #reader: Socket | undefined;

  constructor() {
    this.#directory = mkdtempSync(join(tmpdir(), "portcullis-log-"));
    const path = join(this.#directory, "pipe");
    execFileSync("mkfifo", [path]);
    // Reading first, and without waiting for a writer: otherwise opening either end waits for the other.
    this.#readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    this.writeEnd = openSync(path, constants.O_WRONLY);
  }

  /** Leaves no room for a single line. */
  fill(): void {
    const path = join(this.#directory, "pipe");
    const filler = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      for (;;) writeSync(filler, "full\n");
    } catch {
      // EAGAIN: not even these five bytes fit any more.
    } finally {
      closeSync(filler);
    }
  }

  /** Reads on until a line is found, and gives the lines up to it. What comes after it is read and dropped. */
  async readUntil(isFound: (line: string) => boolean): Promise<string[]> {
    const lines: string[] = [];
    for await (const line of createInterface({ input: this.#open() })) {
      lines.push(line);
      if (isFound(line)) break;
    }
    this.#reader?.on("data", () => {}).resume();
    return lines;
  }

  #open(): Socket {
    this.#reader ??= new Socket({ fd: this.#readEnd, readable: true, writable: false });
    return this.#reader;
  }

  /** The reader is gone for good: whoever writes gets EPIPE. */
  closeReadEnd(): void {
    if (this.#reader === undefined) closeSync(this.#readEnd);
    else this.#reader.destroy();
  }

  [Symbol.dispose](): void {
    this.#reader?.destroy();
    closeSync(this.writeEnd);
    rmSync(this.#directory, { recursive: true });
  }
}
