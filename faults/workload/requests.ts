import { Agent } from "node:http";
import { bearer, challengeOf, exchange } from "@portcullis/testing/end-to-end";
import type { Checker } from "../checker/checker.ts";
import type { Token } from "../checker/words.ts";

export interface Door {
  readonly name: string;
  readonly url: string;
}

const ANSWER_MS = 20_000;
/** A gateway that is paused answers nobody: what waits for it must stay bounded. */
const MAX_WAITING = 48;

/** Requests through the gateways. Each answer goes to the checker. */
export class Requests {
  readonly counts = { all: 0, unanswered: 0, byStatus: new Map<number, number>() };
  readonly #agent = new Agent({ keepAlive: true, maxSockets: MAX_WAITING });
  readonly #waiting = new Map<string, number>();
  readonly #checker: Checker;

  constructor(checker: Checker) {
    this.#checker = checker;
  }

  isBusy(door: Door): boolean {
    return (this.#waiting.get(door.name) ?? 0) >= MAX_WAITING;
  }

  /** The status; undefined: no answer. */
  async ask(door: Door, token: Token, timeoutMs = ANSWER_MS): Promise<number | undefined> {
    this.counts.all++;
    this.#count(door, 1);
    try {
      const answer = await exchange(door.url, {
        agent: this.#agent,
        headers: bearer(token.text),
        timeoutMs,
      });
      const { status, sentAt, answeredAt } = answer;
      const reason = challengeOf(answer)?.reason;
      this.#checker.observe({ gateway: door.name, token, sentAt, answeredAt, status, reason });
      this.counts.byStatus.set(status, (this.counts.byStatus.get(status) ?? 0) + 1);
      return status;
    } catch {
      this.counts.unanswered++;
      return undefined;
    } finally {
      this.#count(door, -1);
    }
  }

  stop(): void {
    this.#agent.destroy();
  }

  #count({ name }: Door, change: number): void {
    this.#waiting.set(name, (this.#waiting.get(name) ?? 0) + change);
  }
}
