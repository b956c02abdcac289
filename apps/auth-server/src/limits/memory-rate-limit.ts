import type { Clock } from "@portcullis/protocol";
import { ALLOWED, type RateLimit, type RateLimitOptions } from "./rate-limit.ts";

/** Callers that are remembered: one who sends from many addresses must not fill the memory. */
const MAX_CALLERS = 20_000;

interface Window {
  count: number;
  readonly endsAt: number;
}

/** Of one server alone. */
export class MemoryRateLimit implements RateLimit {
  readonly #options: RateLimitOptions & { readonly clock: Pick<Clock, "monotonicMs"> };
  /** Oldest first: all windows are of one length, so that they end in the order in which they began. */
  readonly #windows = new Map<string, Window>();

  constructor(options: RateLimitOptions & { readonly clock: Pick<Clock, "monotonicMs"> }) {
    this.#options = options;
  }

  async take(caller: string): Promise<{ readonly retryAfterMs: number }> {
    const { most, clock } = this.#options;
    const now = clock.monotonicMs();
    const window = this.#windowOf(caller, now);
    window.count++;
    return window.count <= most ? ALLOWED : { retryAfterMs: window.endsAt - now };
  }

  #windowOf(caller: string, now: number): Window {
    for (const [known, { endsAt }] of this.#windows) {
      if (endsAt > now && this.#windows.size < MAX_CALLERS) break;
      this.#windows.delete(known);
    }
    const known = this.#windows.get(caller);
    if (known !== undefined) return known;
    const window = { count: 0, endsAt: now + this.#options.windowMs };
    this.#windows.set(caller, window);
    return window;
  }
}
