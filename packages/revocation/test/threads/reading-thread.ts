import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { ReaderInit } from "@portcullis/revocation/threads";
import { type Answers, type Question, SIGNALS } from "./questions.ts";

/** A worker thread that answers questions from its view of the index. */
export class ReadingThread {
  readonly #worker: Worker;
  readonly #pending = new Map<number, (answer: never) => void>();
  #questions = 0;

  constructor(init: ReaderInit, signals = new Int32Array(new SharedArrayBuffer(SIGNALS * 4))) {
    this.#worker = new Worker(new URL("./reader-thread.ts", import.meta.url), {
      workerData: { init, signals },
      transferList: [init.port],
    });
    this.#worker.on("message", ({ id, answer }) => {
      this.#pending.get(id)?.(answer as never);
      this.#pending.delete(id);
    });
  }

  ask<Type extends Question["type"]>(question: Extract<Question, { type: Type }>): Promise<Answers[Type]> {
    const id = ++this.#questions;
    const broken = new AbortController();
    const failed = once(this.#worker, "error", { signal: broken.signal }).then(([error]) => {
      throw error;
    });
    const answered = new Promise<Answers[Type]>((resolve) => this.#pending.set(id, resolve));
    this.#worker.postMessage({ id, question });
    return Promise.race([answered, failed]).finally(() => {
      failed.catch(() => {});
      broken.abort();
    });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
