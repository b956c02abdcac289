/**
 * Tokens that are good by the issuer's clock and refused by this machine's. Without this they would be 401 that nobody
 * understands, and clients would throw them away. What either clock calls expired stays refused for that.
 */
import type { TimesRefusal } from "@portcullis/access-token";
import type { Log, LogEvent } from "@portcullis/protocol";
import type { RevocationView } from "@portcullis/revocation";

interface ClockRefusal extends LogEvent {
  readonly event: "refused_by_clock";
  /** So far is this clock ahead of the issuer's. */
  readonly offsetMs: number;
  readonly code: string;
  /** How many there were since the last that was told of. */
  readonly count: number;
}

interface ClockRefusalsOptions {
  readonly revocations: Pick<RevocationView, "clockOffsetMs" | "freshness">;
  readonly log: Log;
}

/** The first is told of at once; a clock that is wrong refuses everything. */
const TELL_EVERY_SECONDS = 10;

export class ClockRefusals {
  readonly #options: ClockRefusalsOptions;
  #toldAt = Number.NEGATIVE_INFINITY;
  #untold = 0;

  constructor(options: ClockRefusalsOptions) {
    this.#options = options;
  }

  /** Whether the issuer's clock, at the latest that it may show, is within the times of the token. */
  readonly explains = ({ code, claims: { exp, iat, nbf }, nowSeconds }: TimesRefusal): boolean => {
    const { revocations } = this.#options;
    const offsetMs = revocations.clockOffsetMs?.(nowSeconds);
    // Before the first word of the issuer nobody knows whose clock is right, and nothing is allowed anyway.
    if (offsetMs === undefined) return this.#isUnheard();
    const issuerNow = nowSeconds - offsetMs / 1000;
    if (!(issuerNow < exp && iat <= issuerNow && (nbf ?? iat) <= issuerNow)) return false;
    this.#tell({ offsetMs, code }, nowSeconds);
    return true;
  };

  #isUnheard(): boolean {
    const { revocations } = this.#options;
    return (
      revocations.clockOffsetMs !== undefined && revocations.freshness().ageMs === Number.POSITIVE_INFINITY
    );
  }

  #tell(found: { readonly offsetMs: number; readonly code: string }, now: number): void {
    this.#untold++;
    // A clock that was set may be at any distance.
    if (Math.abs(now - this.#toldAt) < TELL_EVERY_SECONDS) return;
    this.#toldAt = now;
    const event: ClockRefusal = { event: "refused_by_clock", ...found, count: this.#untold };
    this.#options.log.warn(event);
    this.#untold = 0;
  }
}
