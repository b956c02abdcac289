import type { Principal } from "@portcullis/guard";
import {
  type Clock,
  encodeIdentifier,
  IDENTIFIER_BYTES,
  TRANSACTION_TOKEN_TYPE,
  wallSecondsOf,
} from "@portcullis/protocol";
import { type TransactionTokenSettings, transactionClaims } from "./claims.ts";
import type { SigningKey } from "./signing-key.ts";

/** A signed token costs more CPU than the rest of a request, so it serves the same caller for this long. */
const REUSE_MS = 10_000;
/** Callers remembered in a window; with more of them a window is shorter. */
const WINDOW_ENTRIES = 20_000;

interface TransactionTokenOptions {
  readonly settings: TransactionTokenSettings;
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly randomBytes: (count: number) => Uint8Array;
}

interface TransactionToken {
  readonly token: string;
  /** Its `exp`, in seconds. */
  readonly expiresAt: number;
}

/**
 * Makes transaction tokens. What can be reused is kept in one window that is dropped as a whole after
 * `REUSE_MS`, or earlier when it is full: nothing in it can be older, and there is nothing to evict.
 */
export class TransactionTokens {
  readonly #options: TransactionTokenOptions;
  readonly #header: string;
  /** By route, then by caller: the guard hands out one principal for one access token. */
  readonly #window = new Map<string, Map<Principal, TransactionToken>>();
  #entries = 0;
  #windowEndsAt = 0;

  constructor(options: TransactionTokenOptions) {
    this.#options = options;
    this.#header = encode({ typ: TRANSACTION_TOKEN_TYPE, alg: "ES256", kid: options.key.kid });
  }

  tokenFor(principal: Principal, route: string): TransactionToken {
    if (this.#options.clock.monotonicMs() >= this.#windowEndsAt) this.#openWindow();
    const known = this.#window.get(route)?.get(principal);
    if (known !== undefined && known.expiresAt > wallSecondsOf(this.#options.clock)) return known;
    const made = this.#make(principal, route);
    this.#remember(principal, route, made);
    return made;
  }

  #openWindow(): void {
    this.#window.clear();
    this.#entries = 0;
    this.#windowEndsAt = this.#options.clock.monotonicMs() + REUSE_MS;
  }

  #remember(principal: Principal, route: string, made: TransactionToken): void {
    if (++this.#entries > WINDOW_ENTRIES) this.#openWindow();
    const callers = this.#window.get(route) ?? new Map<Principal, TransactionToken>();
    this.#window.set(route, callers.set(principal, made));
  }

  #make(principal: Principal, route: string): TransactionToken {
    const { key, settings, clock, randomBytes } = this.#options;
    const at = {
      nowSeconds: Math.floor(wallSecondsOf(clock)),
      transaction: encodeIdentifier(randomBytes(IDENTIFIER_BYTES)),
    };
    const claims = transactionClaims(principal, route, settings, at);
    const signed = `${this.#header}.${encode(claims)}`;
    return { token: `${signed}.${key.sign(signed)}`, expiresAt: claims.exp };
  }
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
