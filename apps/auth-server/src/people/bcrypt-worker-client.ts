/** Asks the thread of bcrypt, which is there from the first question on. An idle one keeps no process alive. */
import { Worker } from "node:worker_threads";
import type { Answer, Question } from "./bcrypt-worker.ts";

interface Asking {
  resolve(isSame: boolean): void;
  reject(error: unknown): void;
}

let worker: Worker | undefined;
let asked = 0;
const waiting = new Map<number, Asking>();

export function compareInWorker(password: string, stored: string): Promise<boolean> {
  worker ??= start();
  const id = ++asked;
  const question: Question = { id, password, stored };
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    worker!.ref();
    worker!.postMessage(question);
  });
}

function start(): Worker {
  const started = new Worker(new URL("./bcrypt-worker.ts", import.meta.url));
  started.on("message", ({ id, isSame }: Answer) => {
    const asking = waiting.get(id);
    waiting.delete(id);
    if (waiting.size === 0) started.unref();
    asking?.resolve(isSame);
  });
  started.on("error", (error) => fail(started, error));
  return started;
}

/** Whoever waits hears of it: a password that could not be checked is an outage, and no wrong password. The next question starts another. */
function fail(failed: Worker, error: unknown): void {
  if (worker === failed) worker = undefined;
  const asking = [...waiting.values()];
  waiting.clear();
  for (const { reject } of asking) reject(error);
}
