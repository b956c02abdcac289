import { keyOfLeaseHolder, type LeaseHolder } from "@portcullis/feed-server";
import type { FoundRow, SharedDirectory } from "./shared-directory.ts";

interface Question {
  readonly holders: Map<string, LeaseHolder>;
  readonly answer: Promise<ReadonlyMap<string, FoundRow>>;
  readonly settle: { resolve(found: ReadonlyMap<string, FoundRow>): void; reject(error: unknown): void };
}

/** Looks rows up by name, many with one query. Whoever asks joins the next query and never one that began before. */
export class RowFinder {
  readonly #directory: Pick<SharedDirectory, "find">;
  #next: Question = newQuestion();
  #asking: Promise<void> | undefined;

  constructor(directory: Pick<SharedDirectory, "find">) {
    this.#directory = directory;
  }

  /** Returns what its row says; undefined when there is no row. */
  async rowOf(holder: LeaseHolder): Promise<FoundRow | undefined> {
    const key = keyOfLeaseHolder(holder);
    const { holders, answer } = this.#next;
    holders.set(key, holder);
    this.#asking ??= this.#ask();
    return (await answer).get(key);
  }

  async #ask(): Promise<void> {
    await Promise.resolve();
    while (this.#next.holders.size > 0) {
      const { holders, settle } = this.#next;
      this.#next = newQuestion();
      await this.#directory.find([...holders.values()]).then(settle.resolve, settle.reject);
    }
    this.#asking = undefined;
  }
}

function newQuestion(): Question {
  const { promise, resolve, reject } = Promise.withResolvers<ReadonlyMap<string, FoundRow>>();
  return { holders: new Map(), answer: promise, settle: { resolve, reject } };
}
