import type { Clock, IssuerTime } from "@portcullis/protocol";

/** Of a wall clock minus the monotonic one, milliseconds: what it must lie between. */
export interface ClockBounds {
  readonly fromMs: number;
  readonly toMs: number;
}

export const NO_BOUNDS: ClockBounds = {
  fromMs: Number.NEGATIVE_INFINITY,
  toMs: Number.POSITIVE_INFINITY,
};

/** Returns whether a clock is within the bounds; one that is not a number is outside. */
export const isWithin = (wallMinusMonotonicMs: number, { fromMs, toMs }: ClockBounds): boolean =>
  wallMinusMonotonicMs >= fromMs && wallMinusMonotonicMs <= toMs;

/** How fast two clocks that are slewed as NTP does (500 ppm each) come apart. */
const DRIFT = 1e-3;
/** A word that the issuer signed counts for so long against what others say of its time. */
const SIGNED_COUNTS_MS = 10_000;

/**
 * What a verifier knows of its issuer's wall clock, as an interval of that clock minus its own monotonic one. Its own wall
 * clock is no part of it: that is compared with the interval at each use, so a clock that is set is noticed at once.
 *
 * Two kinds of evidence. An answer that names the issuer's time was made between the sending of its call and now, which
 * bounds the time on both sides; what several answers have in common is kept. A signed head proves that the issuer's clock
 * shows at least its `iat`, however late it came, and no relay can make that less.
 *
 * It goes wrong towards "no allow": evidence only ever takes an allow away that the verifier's own clock would have given.
 */
export class IssuerClock {
  readonly #clock: Clock;
  #heard: { readonly earliest: number; readonly latest: number; readonly at: number } | undefined;
  #signed: { readonly earliest: number; readonly at: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes what an answer names. `sentAt`: monotonic, from before the call was sent that it answers. */
  heard({ earliestMs, latestMs }: IssuerTime, sentAt: number): void {
    const at = this.#clock.monotonicMs();
    const told = { earliest: earliestMs - at, latest: latestMs - sentAt, at };
    const before = this.#heardBy(at);
    const earliest = Math.max(told.earliest, before?.earliest ?? told.earliest);
    const latest = Math.min(told.latest, before?.latest ?? told.latest);
    // Nothing in common: one of the clocks was set, or this machine was suspended. The newest word counts.
    this.#heard = earliest <= latest ? { earliest, latest, at } : told;
  }

  /** Takes what was verified: the issuer has signed something at `iat`, in seconds. */
  signed(iat: number): void {
    const at = this.#clock.monotonicMs();
    const earliest = iat * 1000 - at;
    if (earliest >= this.#signedBy(at)) this.#signed = { earliest, at };
  }

  /**
   * Returns what a wall clock minus the monotonic one must lie between to be no more than `skewMs` from the issuer's.
   * Compared with the latest that the issuer's may show: of a clock that is slow it is the worst case that counts, since
   * that is the dangerous side, and of one that is fast what is certain.
   */
  bounds(skewMs: number): ClockBounds {
    const now = this.#clock.monotonicMs();
    const heard = this.#heardBy(now)?.latest;
    const latest = Math.max(heard ?? Number.NEGATIVE_INFINITY, this.#signedBy(now));
    return {
      fromMs: latest - skewMs,
      toMs: heard === undefined ? Number.POSITIVE_INFINITY : latest + skewMs,
    };
  }

  /** Returns what the issuer's clock shows now; undefined when it was not told. */
  now(): IssuerTime | undefined {
    const now = this.#clock.monotonicMs();
    const heard = this.#heardBy(now);
    if (heard === undefined) return undefined;
    const signed = this.#signedBy(now);
    const [earliest, latest] = [Math.max(heard.earliest, signed), Math.max(heard.latest, signed)];
    return { earliestMs: Math.max(0, earliest + now), latestMs: Math.max(0, latest + now) };
  }

  /** Returns what was heard, wider with its age. */
  #heardBy(now: number): { readonly earliest: number; readonly latest: number } | undefined {
    if (this.#heard === undefined) return undefined;
    const { earliest, latest, at } = this.#heard;
    const drift = (now - at) * DRIFT;
    return { earliest: earliest - drift, latest: latest + drift };
  }

  /** Returns the least that was signed; -Infinity when there is none that counts. */
  #signedBy(now: number): number {
    if (this.#signed === undefined || now - this.#signed.at > SIGNED_COUNTS_MS) {
      return Number.NEGATIVE_INFINITY;
    }
    return this.#signed.earliest - (now - this.#signed.at) * DRIFT;
  }
}
