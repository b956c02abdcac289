import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Part } from "./part.ts";

/** The wall clock of one process, moved while it runs (libfaketime). Its monotonic clock goes on as it was. */
export class WrongClock {
  readonly #part: Part;
  readonly #file: string;

  constructor(part: Part, folder: string) {
    this.#part = part;
    this.#file = join(folder, `${part.name}.clock`);
  }

  /** Starts the process anew, with a clock that can be moved; gives what starts it as it was. */
  async install(): Promise<() => Promise<void>> {
    this.moveBy(0);
    this.#part.environment = {
      LD_PRELOAD: libraryFile(),
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
    await this.#part.restart();
    return async () => {
      this.#part.environment = {};
      await this.#part.restart();
    };
  }

  moveBy(seconds: number): void {
    writeFileSync(this.#file, `${seconds < 0 ? "" : "+"}${seconds}\n`);
  }
}

/** Debian keeps it in a folder of the processor's kind. */
function libraryFile(): string {
  const folders = readdirSync("/usr/lib").map((name) => join("/usr/lib", name, "faketime"));
  const found = folders.map((folder) => join(folder, "libfaketimeMT.so.1")).find((file) => existsSync(file));
  if (found === undefined) throw new Error("libfaketime is missing: apt-get install libfaketime");
  return found;
}
