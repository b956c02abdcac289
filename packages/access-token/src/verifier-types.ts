import type { Clock } from "@portcullis/protocol";
import type { Algorithm } from "./algorithms.ts";
import type { TimeClaims } from "./claim-checks.ts";
import type { AccessToken, VerifiedAccessToken } from "./claims.ts";
import type { KeySource } from "./key-source.ts";

export interface TimesRefusal {
  readonly code: "expired_token" | "not_yet_valid";
  readonly claims: TimeClaims;
  /** Of this machine, with which the token was judged. */
  readonly nowSeconds: number;
}

export interface AccessTokenVerifierOptions<Mark = undefined> {
  /** Compared exactly with `iss`. */
  readonly issuer: string;
  /** One of these must be in `aud`. */
  readonly audience: string | readonly string[];
  readonly keys: KeySource;
  /** Default: all four. */
  readonly algorithms?: readonly Algorithm[] | undefined;
  /** Seconds, default 5. Must not be more than the `clockSkewSeconds` of the revocation log. */
  readonly clockSkewSeconds?: number | undefined;
  /** Default: the system's. */
  readonly clock?: Pick<Clock, "wallMs"> | undefined;
  /**
   * Asked when a genuine token is refused for its times, and for nothing else: whether only this machine's clock is against
   * it, so that it is `refused_by_clock` (503) and not `expired_token` or `not_yet_valid`. Default: never.
   */
  readonly isRefusedByClock?: ((refusal: TimesRefusal) => boolean) | undefined;
  /** Verified tokens remembered, default 10,000; 0 remembers none. */
  readonly cacheEntries?: number | undefined;
  /** Characters of all remembered tokens together, default 16 Mi. */
  readonly cacheCharacters?: number | undefined;
  /** Characters, default 8,192. */
  readonly maxTokenLength?: number | undefined;
  /** Computed once a token and kept beside it; what it throws, `verifyEntry` throws, and nothing is kept. */
  readonly prepare?: ((token: VerifiedAccessToken) => Mark) | undefined;
}

/** A verified token with what `prepare` made of it. */
export interface VerifiedEntry<Mark> {
  readonly token: VerifiedAccessToken;
  readonly mark: Mark;
}

export interface AccessTokenVerifier<Mark = undefined> {
  /**
   * Throws or rejects with an `AccessTokenError`. Synchronous when the key is known. The same object comes
   * back for a token seen before; `exp`, `nbf` and `iat` are checked again each time.
   */
  verify(token: string): VerifiedAccessToken | Promise<VerifiedAccessToken>;
  /** As `verify`, with the mark. */
  verifyEntry(token: string): VerifiedEntry<Mark> | Promise<VerifiedEntry<Mark>>;
  /** Throws `expired_token` or `not_yet_valid` when a token that is known may no longer be used, whatever its form. */
  recheckTimes(token: AccessToken): void;
}
