import { createKeySpace, RevocationIndex, type Verdict } from "@portcullis/revocation";
import { NO_BOUNDS } from "../src/replica/issuer-clock.ts";
import { Publisher } from "../src/threads/publisher.ts";
import { threadClock } from "../src/threads/thread-clock.ts";
import { LIFETIME_SECONDS, SKEW_SECONDS } from "./memory-log.ts";
import type { Token } from "./oracle.ts";
import { ReadingThread } from "./threads/reading-thread.ts";

const HASH_KEY = new Uint8Array(32).fill(1);
export const keySpace = createKeySpace(HASH_KEY);

/** Two times that a test moves by hand. */
export interface Times {
  wallSeconds: number;
  monotonicSeconds: number;
}

/** An index that is written here, and asked wherever its readers are. */
export interface IndexSubject {
  /** Empty, in the place of the one before. */
  begin(clock: Times): RevocationIndex;
  verdicts(tokens: readonly Token[]): Promise<readonly Verdict[]>;
  close(): Promise<void>;
}

const indexOn = (clock: Times, shared: boolean): RevocationIndex =>
  new RevocationIndex({
    tokenLifetimeSeconds: LIFETIME_SECONDS,
    clockSkewSeconds: SKEW_SECONDS,
    clock: { wallMs: () => clock.wallSeconds * 1000, monotonicMs: () => clock.monotonicSeconds * 1000 },
    // A run that failed can be run again with the same layout.
    randomWords: (words) => words.map((_, index) => Math.imul(index + 1, 0x9e37_79b1)),
    shared,
  });

export class PlainIndex implements IndexSubject {
  #index: RevocationIndex | undefined;

  begin(clock: Times): RevocationIndex {
    this.#index = indexOn(clock, false);
    return this.#index;
  }

  async verdicts(tokens: readonly Token[]): Promise<readonly Verdict[]> {
    return tokens.map(({ claims, header }) => this.#index!.verdict(keySpace.coordinatesOf(claims, header)));
  }

  async close(): Promise<void> {}
}

/** Written in this thread, read in another one that follows it from change to change. */
export class IndexOfAnotherThread implements IndexSubject {
  readonly #publisher = new Publisher();
  readonly #thread = new ReadingThread(this.#publisher.attach());

  constructor() {
    this.#publisher.grant({ askedAt: threadClock.monotonicMs(), leaseMs: 3_600_000, clock: NO_BOUNDS });
  }

  begin(clock: Times): RevocationIndex {
    const index = indexOn(clock, true);
    this.#publisher.replace(index, HASH_KEY);
    return index;
  }

  verdicts(tokens: readonly Token[]): Promise<readonly Verdict[]> {
    this.#publisher.publish();
    return this.#thread.ask({ type: "verdicts", tokens });
  }

  async close(): Promise<void> {
    await this.#thread.end();
    this.#publisher.close();
  }
}
