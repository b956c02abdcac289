/**
 * The keys an issuer publishes, kept in memory.
 *
 * - A known key is served at once. Past `maxAgeMs` it is still served, while the set is fetched again behind.
 * - An unknown `kid` may be new. It is called `unknown_key` (401) only after a fetch that began after its token came
 *   has shown that it is not published. All who wait share that fetch, and two begin `cooldownMs` apart: whatever
 *   anybody sends, an issuer is asked once a second by each verifier, and an honest token waits that long at most.
 *   Nothing is remembered of a `kid` that was not found, so random ones fill no memory. Who would have to wait longer
 *   than `waitMs`, or behind too many others, is told `key_not_known_yet` (503).
 * - When no fetch succeeds, or what it brings has no usable key, known keys last for `keepLastKeysMs` more. After
 *   that it is `keys_unavailable` (503): a key that was withdrawn meanwhile must not live on for ever. A key that is
 *   missing from a set with others was withdrawn, and is gone at once.
 * - Tokens that a verifier remembers keep the set as young as new ones do: a stolen key could otherwise sign one
 *   token that lives for years, and outlast its withdrawal where no other token comes.
 */
import type { KeyObject } from "node:crypto";
import {
  type Clock,
  KEY_CACHE_MAX_AGE_SECONDS,
  type Log,
  type SetTimer,
  silentLog,
  systemClock,
  systemTimer,
} from "@portcullis/protocol";
import { type AccessTokenError, accessTokenError, isAccessTokenError } from "./errors.ts";
import { importKeySet, type KeySet } from "./key-set.ts";
import type { KeySource } from "./key-source.ts";

export interface RemoteKeySourceOptions {
  /** Fetches the JWKS as it is published now, in bounded time: `keySetOf` of `@portcullis/issuer` gives one that does. */
  readonly fetchKeySet: () => Promise<object>;
  /** Its monotonic clock is read; default the system's. */
  readonly clock?: Clock | undefined;
  /** Least time between the beginnings of two fetches for unknown keys; default 1,000. */
  readonly cooldownMs?: number | undefined;
  /** Longest that a token of an unknown key waits for it; default 2,000. */
  readonly waitMs?: number | undefined;
  /** Gives the function that cancels it; default `setTimeout`. */
  readonly setTimer?: SetTimer | undefined;
  /** Told when keys are kept because no others come, when others have come, and when they are too old. */
  readonly log?: Log | undefined;
  /** Fetch again after this time; default 600,000. */
  readonly maxAgeMs?: number | undefined;
  /** How much longer known keys are good when no fetch succeeds; default 3,600,000. With `maxAgeMs` at most 4,200,000. */
  readonly keepLastKeysMs?: number | undefined;
  /** After a failed fetch, the next is at least this much later; default 1,000. */
  readonly retryMs?: number | undefined;
}

export interface RemoteKeySource extends KeySource {
  readonly generation: number;
  /** Fetches now, or joins the fetch under way. Rejects with `keys_unavailable`. */
  refresh(): Promise<void>;
}

const LONGEST_MS = KEY_CACHE_MAX_AGE_SECONDS * 1000;

/** Who waits holds a request open. More are told to come again. */
const MAX_WAITING = 1000;

type Settings = ReturnType<typeof settingsOf>;

const settingsOf = (options: RemoteKeySourceOptions) => ({
  fetchKeySet: options.fetchKeySet,
  clock: options.clock ?? systemClock,
  setTimer: options.setTimer ?? systemTimer,
  log: options.log ?? silentLog,
  cooldownMs: options.cooldownMs ?? 1_000,
  waitMs: options.waitMs ?? 2_000,
  maxAgeMs: options.maxAgeMs ?? 600_000,
  keepLastKeysMs: options.keepLastKeysMs ?? LONGEST_MS - 600_000,
  retryMs: options.retryMs ?? 1_000,
});

/** Throws `invalid_configuration` for ages that would keep a key longer than its issuer counts with. */
export function remoteKeySource(options: RemoteKeySourceOptions): RemoteKeySource {
  const settings = settingsOf(options);
  requireBoundedAge(settings);
  return new FetchedKeys(settings);
}

/** The issuer forgets the revocation of a retired key once no verifier can have it any more. */
function requireBoundedAge({ maxAgeMs, keepLastKeysMs }: Settings): void {
  if (maxAgeMs >= 0 && keepLastKeysMs >= 0 && maxAgeMs + keepLastKeysMs <= LONGEST_MS) return;
  throw accessTokenError("invalid_configuration", {
    text: `maxAgeMs, keepLastKeysMs: found ${maxAgeMs} and ${keepLastKeysMs}; together at most ${LONGEST_MS} (KEY_CACHE_MAX_AGE_SECONDS).`,
  });
}

class FetchedKeys implements RemoteKeySource {
  readonly #settings: Settings;
  #generation = 0;
  #keys: KeySet | undefined;
  #fetchedAtMs = Number.NEGATIVE_INFINITY;
  #beganAtMs = Number.NEGATIVE_INFINITY;
  #failedAtMs = Number.NEGATIVE_INFINITY;
  #underWay: Promise<void> | undefined;
  /** A fetch that has not begun: whoever comes before it does may rely on it. */
  #coming: Promise<void> | undefined;
  #waiting = 0;
  #isKept = false;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Read for every use of a remembered token. */
  get generation(): number {
    this.#lookAfter();
    return this.#generation;
  }

  keyFor(header: { readonly kid: string; readonly alg: string }): KeyObject | Promise<KeyObject> {
    this.#lookAfter();
    return this.#keys?.find(header) ?? this.#fetchedKey(header);
  }

  #ageMs(): number {
    return this.#settings.clock.monotonicMs() - this.#fetchedAtMs;
  }

  /** Begins to replace keys that are old, and drops those that are too old to be good. */
  #lookAfter(): void {
    if (this.#keys === undefined) return;
    const { maxAgeMs, keepLastKeysMs, log } = this.#settings;
    const ageMs = this.#ageMs();
    if (ageMs <= maxAgeMs) return;
    if (ageMs > maxAgeMs + keepLastKeysMs) {
      this.#keys = undefined;
      this.#generation++;
      log.error({ event: "keys_too_old", ageMs });
    } else this.#refreshBehind();
  }

  async #fetchedKey(header: { readonly kid: string; readonly alg: string }): Promise<KeyObject> {
    if (this.#waiting >= MAX_WAITING) {
      throw accessTokenError("key_not_known_yet", { detail: `${MAX_WAITING} tokens wait already` });
    }
    this.#waiting++;
    try {
      return await this.#inTime(this.#awaitKey(header));
    } finally {
      this.#waiting--;
    }
  }

  async #awaitKey(header: { readonly kid: string; readonly alg: string }): Promise<KeyObject> {
    // It began before this token came: what it brings counts, and what it lacks proves nothing.
    if (this.#underWay !== undefined) await this.#underWay;
    const brought = this.#keys?.find(header);
    if (brought !== undefined) return brought;
    if (this.#failedLately()) {
      throw accessTokenError("keys_unavailable", { detail: "the last fetch failed a moment ago" });
    }
    await this.#fetchFromNow();
    const key = this.#keys?.find(header);
    if (key === undefined) throw accessTokenError("unknown_key");
    return key;
  }

  #fetchFromNow(): Promise<void> {
    this.#coming ??= this.#turn().then(() => {
      // In the turn in which it begins: who comes from now on needs another.
      this.#coming = undefined;
      return this.#underWay === undefined ? this.refresh() : this.#fetchFromNow();
    });
    return this.#coming;
  }

  async #turn(): Promise<void> {
    const { clock, cooldownMs, setTimer } = this.#settings;
    const leftMs = this.#beganAtMs + cooldownMs - clock.monotonicMs();
    if (leftMs > 0) await new Promise<void>((resolve) => setTimer(resolve, leftMs));
    while (this.#underWay !== undefined) await this.#underWay.catch(() => {});
  }

  #inTime(key: Promise<KeyObject>): Promise<KeyObject> {
    const { setTimer, waitMs } = this.#settings;
    return new Promise((resolve, reject) => {
      const cancel = setTimer(() => reject(accessTokenError("key_not_known_yet")), waitMs);
      key.then(resolve, reject).finally(cancel);
    });
  }

  #failedLately(): boolean {
    return this.#settings.clock.monotonicMs() - this.#failedAtMs < this.#settings.retryMs;
  }

  #refreshBehind(): void {
    if (this.#underWay !== undefined || this.#failedLately()) return;
    // Whoever waits for keys learns of the failure; here the known key is still good.
    this.refresh().catch(() => {});
  }

  refresh(): Promise<void> {
    this.#underWay ??= this.#fetch().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  async #fetch(): Promise<void> {
    // The age counts from before the fetch: what was published after it began may be missing.
    this.#beganAtMs = this.#settings.clock.monotonicMs();
    const startedAtMs = this.#beganAtMs;
    try {
      this.#replace(keysOf(await this.#settings.fetchKeySet()), startedAtMs);
    } catch (cause) {
      this.#failedAtMs = this.#settings.clock.monotonicMs();
      const error = unavailable(cause);
      this.#keep(error);
      throw error;
    }
  }

  #replace(next: KeySet, startedAtMs: number): void {
    if (this.#keys !== undefined && !this.#keys.isWithin(next)) this.#generation++;
    this.#keys = next;
    this.#fetchedAtMs = startedAtMs;
    if (this.#isKept) this.#settings.log.info({ event: "keys_renewed" });
    this.#isKept = false;
  }

  /** Said once, and not for each of many failures. */
  #keep({ detail }: AccessTokenError): void {
    if (this.#keys === undefined || this.#isKept) return;
    this.#isKept = true;
    this.#settings.log.warn({ event: "keys_kept", ageMs: this.#ageMs(), detail });
  }
}

function keysOf(document: object): KeySet {
  if (!("keys" in document) || !Array.isArray(document.keys)) {
    throw accessTokenError("keys_unavailable", { detail: "the issuer publishes no key set" });
  }
  const keys = importKeySet(document.keys);
  // An issuer signs with something: this is a mistake of its operator, and no reason to refuse every token.
  if (keys.size === 0) {
    throw accessTokenError("keys_unavailable", { detail: "the issuer publishes no key that can be used" });
  }
  return keys;
}

/** Whatever kept the keys away, it is an outage: the tokens may be good. */
function unavailable(cause: unknown): AccessTokenError {
  if (isAccessTokenError(cause)) return cause;
  const detail = cause instanceof Error ? cause.message : String(cause);
  return accessTokenError("keys_unavailable", { detail, cause });
}
