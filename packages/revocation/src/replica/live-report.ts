import {
  type Clock,
  LIVE_DIGEST_STRETCH_SECONDS,
  type LiveDigest,
  type LiveDigester,
  wallSecondsOf,
} from "@portcullis/protocol";

const INTERVAL_MS = 10_000;

/** When a lease call carries the digest of what the index was given: now and then, since every call would be waste. */
export class LiveReport {
  readonly #clock: Clock;
  #sentAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  due(live: LiveDigester): LiveDigest | undefined {
    const now = this.#clock.monotonicMs();
    if (now - this.#sentAt < INTERVAL_MS) return undefined;
    this.#sentAt = now;
    live.forgetBefore(wallSecondsOf(this.#clock));
    // A stretch ahead: what is about to expire may be gone from one side and not yet from the other.
    return live.digest(wallSecondsOf(this.#clock) + LIVE_DIGEST_STRETCH_SECONDS);
  }
}
