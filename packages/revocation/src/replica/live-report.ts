import { LIVE_DIGEST_STRETCH_SECONDS, type LiveDigest, type LiveDigester } from "@portcullis/protocol";

const INTERVAL_MS = 10_000;

export interface LiveReportOptions {
  readonly monotonicMs: () => number;
  readonly nowSeconds: () => number;
}

/** When a lease call carries the digest of what the index was given: now and then, since every call would be waste. */
export class LiveReport {
  readonly #options: LiveReportOptions;
  #sentAt = Number.NEGATIVE_INFINITY;

  constructor(options: LiveReportOptions) {
    this.#options = options;
  }

  due(live: LiveDigester): LiveDigest | undefined {
    const { monotonicMs, nowSeconds } = this.#options;
    const now = monotonicMs();
    if (now - this.#sentAt < INTERVAL_MS) return undefined;
    this.#sentAt = now;
    live.forgetBefore(nowSeconds());
    // A stretch ahead: what is about to expire may be gone from one side and not yet from the other.
    return live.digest(nowSeconds() + LIVE_DIGEST_STRETCH_SECONDS);
  }
}
