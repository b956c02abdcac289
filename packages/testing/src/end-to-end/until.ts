import { setTimeout as delay } from "node:timers/promises";
import { PATIENCE_MS } from "../patience.ts";

export interface Patience {
  /** What is waited for, in words: the message when it does not come. */
  readonly what: string;
  readonly withinMs?: number;
  readonly everyMs?: number;
}

/**
 * Asks again and again until the answer is neither `undefined` nor `false`, and gives it back. An error of the
 * question counts as "not yet": a server that is starting refuses connections.
 */
export async function until<T>(
  question: () => Promise<T | undefined | false> | T | undefined | false,
  { what, withinMs = PATIENCE_MS, everyMs = 20 }: Patience,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  let lastError: unknown;
  for (;;) {
    try {
      const answer = await question();
      if (answer !== undefined && answer !== false) return answer;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`waited ${withinMs} ms in vain for: ${what}`, { cause: lastError });
    }
    await delay(everyMs);
  }
}

/** Like `until`, for something that must *stay* true: fails at once with the first answer that breaks it. */
export async function holdsFor<T>(
  durationMs: number,
  question: () => Promise<T>,
  isFine: (answer: T) => boolean,
): Promise<T[]> {
  const deadline = performance.now() + durationMs;
  const answers: T[] = [];
  while (performance.now() < deadline) {
    const answer = await question();
    answers.push(answer);
    if (!isFine(answer)) throw new Error(`did not hold: ${JSON.stringify(answer)}`);
    await delay(20);
  }
  return answers;
}
