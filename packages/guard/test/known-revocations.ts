/** A view on the real index, whose freshness a test sets by hand. */
import {
  type Clock,
  type Mode,
  type Reason,
  type RevocableClaims,
  type Scope,
  wallSecondsOf,
} from "@portcullis/protocol";
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
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #seq = 100;

  readonly onVerdicts?: (listener: () => void) => () => void;

  constructor(clock: Clock, tells = true) {
    if (tells) {
      this.onVerdicts = (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      };
    }
    this.#clock = clock;
    this.#index = new RevocationIndex({ tokenLifetimeSeconds: 3600, clockSkewSeconds: 5, clock });
  }

  revoke(scope: Scope, key: RevocationKey, reason: Reason, mode: Mode = "kill"): void {
    const now = Math.floor(wallSecondsOf(this.#clock));
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
    const now = wallSecondsOf(this.#clock);
    const offMs = ((wallSeconds ?? now) - now) * 1000 + (this.offsetMs ?? 0);
    const isClockOff = wallSeconds !== undefined && !(Math.abs(offMs) <= this.skewMs);
    return { ready: this.ready, ageMs: this.ageMs, isClockOff };
  }

  clockOffsetMs() {
    return this.offsetMs;
  }
}
