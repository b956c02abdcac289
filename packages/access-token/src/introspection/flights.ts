/**
 * Questions under way: one at a time for each token, however many wait for its answer, and a bounded number altogether, each in its turn. Nobody
 * who stops waiting stops a question: the others still want the answer.
 */
import type { Clock, SetTimer } from "@portcullis/protocol";
import { accessTokenError } from "../errors.ts";
import type { Breaker } from "./breaker.ts";

interface FlightsOptions {
  readonly breaker: Breaker;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly setTimer: SetTimer;
  /** Questions at a time. */
  readonly maxUnderWay: number;
  /** Questions that wait for their turn. */
  readonly maxWaiting: number;
  /** For one question, and for waiting for its turn. */
  readonly timeLimitMs: number;
  readonly onTurnedAway: () => void;
}

export interface Question {
  /** When it began, monotonic. */
  readonly askedAtMs: number;
  /** Nobody waits for it any more, and a later one may have been answered: what comes now says nothing. */
  readonly isGivenUp: boolean;
}

type Ask<Answer> = (question: Question) => Promise<Answer>;

export class Flights<Answer> {
  readonly #options: FlightsOptions;
  readonly #byToken = new Map<string, Flight<Answer>>();
  readonly #waiting: Flight<Answer>[] = [];
  #underWay = 0;

  constructor(options: FlightsOptions) {
    this.#options = options;
  }

  /**
   * Resolves with the answer that all who ask about this token share. `anew`: to a question that begins after the call. One that is
   * under way is no use then: what happened since it began is not in its answer. All who come so meanwhile share the next one. Rejects with
   * `introspection_unavailable` or `introspection_busy`.
   */
  fly(hash: string, ask: Ask<Answer>, anew: boolean): Promise<Answer> {
    const current = this.#byToken.get(hash);
    if (current === undefined) return this.#line(new Flight(hash, ask)).answer;
    if (!(anew && current.hasBegun)) return current.answer;
    current.next ??= new Flight(hash, ask);
    return current.next.answer;
  }

  #line(flight: Flight<Answer>): Flight<Answer> {
    if (this.#options.breaker.isOpen && this.#options.breaker.leftMs > 0) {
      this.#turnAway(flight, unavailable("it has failed just now, and is left alone for a moment"));
    } else if (this.#underWay < this.#options.maxUnderWay) {
      this.#byToken.set(flight.hash, flight);
      this.#start(flight);
    } else if (this.#waiting.length >= this.#options.maxWaiting) {
      this.#turnAway(flight, accessTokenError("introspection_busy"));
    } else {
      this.#byToken.set(flight.hash, flight);
      flight.linedUpAtMs = this.#options.clock.monotonicMs();
      this.#waiting.push(flight);
    }
    return flight;
  }

  #start(flight: Flight<Answer>): void {
    const { breaker, clock } = this.#options;
    if (!breaker.admits()) {
      this.#over(flight);
      this.#turnAway(flight, unavailable("it has failed just now, and is left alone for a moment"));
      return;
    }
    this.#underWay++;
    flight.hasBegun = true;
    flight.askedAtMs = clock.monotonicMs();
    this.#inTime(flight).then(
      (answer) => {
        breaker.succeeded();
        this.#landed(flight);
        flight.resolve(answer);
      },
      (error: unknown) => {
        breaker.failed(error);
        this.#landed(flight);
        flight.reject(unavailable(error instanceof Error ? error.message : String(error), error));
      },
    );
  }

  #landed(flight: Flight<Answer>): void {
    this.#underWay--;
    this.#byToken.delete(flight.hash);
    this.#startThoseThatWait();
    this.#over(flight);
  }

  #startThoseThatWait(): void {
    const { maxUnderWay, timeLimitMs, clock } = this.#options;
    while (this.#underWay < maxUnderWay) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      if (clock.monotonicMs() - next.linedUpAtMs <= timeLimitMs) this.#start(next);
      else {
        this.#over(next);
        this.#turnAway(next, accessTokenError("introspection_busy"));
      }
    }
  }

  /** Those who came too late for it get their own, behind whoever waits already. */
  #over(flight: Flight<Answer>): void {
    this.#byToken.delete(flight.hash);
    if (flight.next !== undefined) this.#line(flight.next);
  }

  #turnAway(flight: Flight<Answer>, error: unknown): void {
    this.#options.onTurnedAway();
    flight.reject(error);
  }

  #inTime(flight: Flight<Answer>): Promise<Answer> {
    const { setTimer, timeLimitMs } = this.#options;
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        flight.isGivenUp = true;
        reject(new Error(`The issuer has not answered within ${timeLimitMs / 1000} s.`));
      };
      const cancel = setTimer(giveUp, timeLimitMs);
      flight.ask(flight).then(resolve, reject).finally(cancel);
    });
  }
}

/** One question, with whoever waits for its answer. */
class Flight<Answer> implements Question {
  readonly hash: string;
  readonly ask: Ask<Answer>;
  readonly answer: Promise<Answer>;
  /** Of those who need an answer that is younger than this one's. */
  next: Flight<Answer> | undefined;
  /** While it waits for its turn it is younger than whoever comes. */
  hasBegun = false;
  askedAtMs = Number.NaN;
  linedUpAtMs = Number.NaN;
  isGivenUp = false;
  resolve = (_answer: Answer): void => {};
  reject = (_error: unknown): void => {};

  constructor(hash: string, ask: Ask<Answer>) {
    this.hash = hash;
    this.ask = ask;
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // Nobody may be waiting any more when it fails.
    this.answer.catch(() => {});
  }
}

const unavailable = (detail: string, cause?: unknown) =>
  accessTokenError("introspection_unavailable", { detail, cause });
