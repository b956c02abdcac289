/** A view on the real index, whose freshness a test sets by hand. */
import { type Mode, type Reason, type RevocableClaims, type Scope, systemClock } from "@portcullis/protocol";
import {
  createKeySpace,
  RevocationIndex,
  type RevocationKey,
  type RevocationView,
  type TokenCoordinates,
} from "@portcullis/revocation";

export class KnownRevocations implements RevocationView {
  readonly leaseMs = 5000;
  ready = true;
  ageMs = 0;
  /** So far is this machine's clock ahead of the issuer's; undefined: nobody knows. */
  offsetMs: number | undefined = undefined;
  skewMs = 5000;
  readonly #keys = createKeySpace(new Uint8Array(32).fill(7));
  readonly #index: RevocationIndex;
  readonly #nowSeconds: () => number;
  readonly #listeners = new Set<() => void>();
  #seq = 100;

  readonly onVerdicts?: (listener: () => void) => () => void;

  constructor(nowSeconds: () => number, tells = true) {
    if (tells) {
      this.onVerdicts = (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      };
    }
    this.#nowSeconds = nowSeconds;
    const clock = { wallMs: () => nowSeconds() * 1000, monotonicMs: systemClock.monotonicMs };
    this.#index = new RevocationIndex({ tokenLifetimeSeconds: 3600, clockSkewSeconds: 5, clock });
  }

  revoke(scope: Scope, key: RevocationKey, reason: Reason, mode: Mode = "kill"): void {
    const now = Math.floor(this.#nowSeconds());
    this.#index.apply({
      seq: ++this.#seq,
      scope,
      mode,
      reason,
      key: this.#keys.keyOf(scope, key),
      revokedAt: now,
      expiresAt: now + 3605,
    });
    for (const listener of this.#listeners) listener();
  }

  coordinatesOf(claims: RevocableClaims, header: { kid?: string }): TokenCoordinates {
    return this.#keys.coordinatesOf(claims, header);
  }

  verdict(at: TokenCoordinates) {
    return this.#index.verdict(at);
  }

  freshness(wallSeconds?: number) {
    // A reading of long ago is as far from the issuer's time as a clock that is slow.
    const offMs = ((wallSeconds ?? this.#nowSeconds()) - this.#nowSeconds()) * 1000 + (this.offsetMs ?? 0);
    const isClockOff = wallSeconds !== undefined && !(Math.abs(offMs) <= this.skewMs);
    return { ready: this.ready, ageMs: this.ageMs, isClockOff };
  }

  clockOffsetMs() {
    return this.offsetMs;
  }
}
