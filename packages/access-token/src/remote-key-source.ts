/**
 * The keys an issuer publishes, kept in memory.
 *
 * - A known key is served at once. Past `maxAgeMs` it is still served, while the set is fetched again behind.
 * - An unknown `kid` makes one fetch, shared by all who wait, and then none for `cooldownMs`: random kids make
 *   no storm.
 * - When the issuer is down, known keys last for `keepLastKeysMs` more. After that it is `keys_unavailable`
 *   (503): a key that was withdrawn meanwhile must not live on for ever.
 * - Tokens that a verifier remembers keep the set as young as new ones do: a stolen key could otherwise sign one
 *   token that lives for years, and outlast its withdrawal where no other token comes.
 */
import type { KeyObject } from "node:crypto";
import { KEY_CACHE_MAX_AGE_SECONDS } from "@portcullis/protocol";
import { discoverJwksUri, requireIssuerUrl, requireSecureUrl } from "./discover-jwks-uri.ts";
import { accessTokenError } from "./errors.ts";
import { fetchJson } from "./fetch-json.ts";
import { importKeySet, type KeySet } from "./key-set.ts";
import type { KeySource } from "./key-source.ts";

export interface RemoteKeySourceOptions {
  /** Where discovery starts, and what it must say. */
  readonly issuer: string;
  /** Skips discovery: for an issuer, such as the gateway, that publishes its keys and no metadata. */
  readonly jwksUri?: string;
  readonly fetch?: typeof fetch;
  readonly monotonicMs?: () => number;
  /** No second fetch for an unknown `kid` within this time; default 10,000. */
  readonly cooldownMs?: number;
  /** Fetch again after this time; default 600,000. */
  readonly maxAgeMs?: number;
  /** How much longer known keys are good when no fetch succeeds; default 3,600,000. With `maxAgeMs` at most 4,200,000. */
  readonly keepLastKeysMs?: number;
  /** After a failed fetch, the next is at least this much later; default 1,000. */
  readonly retryMs?: number;
  /** For each request; default 5,000. */
  readonly timeoutMs?: number;
  /** Allow plain HTTP to other hosts than loopback; default false. */
  readonly allowInsecureRequests?: boolean;
}

export interface RemoteKeySource extends KeySource {
  readonly generation: number;
  /** Fetches now, or joins the fetch under way. Rejects with `keys_unavailable`. */
  refresh(): Promise<void>;
}

const LONGEST_MS = KEY_CACHE_MAX_AGE_SECONDS * 1000;

const DEFAULTS = {
  cooldownMs: 10_000,
  maxAgeMs: 600_000,
  keepLastKeysMs: LONGEST_MS - 600_000,
  retryMs: 1_000,
  timeoutMs: 5_000,
  allowInsecureRequests: false,
};

/** Throws `invalid_configuration` at once for an issuer that could not be asked safely. */
export function remoteKeySource(options: RemoteKeySourceOptions): RemoteKeySource {
  const defaults = { ...DEFAULTS, fetch, monotonicMs: () => performance.now() };
  const settings: Settings = { ...defaults, ...withoutUndefined(options) };
  requireIssuerUrl(settings.issuer, settings);
  requireBoundedAge(settings);
  if (settings.jwksUri !== undefined) requireSecureUrl("jwksUri", settings.jwksUri, settings);
  return new FetchedKeys(settings);
}

/** The issuer forgets the revocation of a retired key once no verifier can have it any more. */
function requireBoundedAge({ maxAgeMs, keepLastKeysMs }: Settings): void {
  if (maxAgeMs >= 0 && keepLastKeysMs >= 0 && maxAgeMs + keepLastKeysMs <= LONGEST_MS) return;
  throw accessTokenError("invalid_configuration", {
    text: `maxAgeMs, keepLastKeysMs: found ${maxAgeMs} and ${keepLastKeysMs}; together at most ${LONGEST_MS} (KEY_CACHE_MAX_AGE_SECONDS).`,
  });
}

/** A setting that is there and undefined would win over its default. */
const withoutUndefined = (options: RemoteKeySourceOptions): RemoteKeySourceOptions =>
  Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as unknown as RemoteKeySourceOptions;

type Settings = typeof DEFAULTS &
  Required<Pick<RemoteKeySourceOptions, "fetch" | "monotonicMs">> &
  RemoteKeySourceOptions;

class FetchedKeys implements RemoteKeySource {
  readonly #settings: Settings;
  #generation = 0;
  #keys: KeySet | undefined;
  #fetchedAtMs = Number.NEGATIVE_INFINITY;
  #failedAtMs = Number.NEGATIVE_INFINITY;
  #underWay: Promise<void> | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Read for every use of a remembered token. */
  get generation(): number {
    this.#lookAfter(this.#ageMs());
    return this.#generation;
  }

  keyFor(header: { readonly kid: string; readonly alg: string }): KeyObject | Promise<KeyObject> {
    const ageMs = this.#ageMs();
    this.#lookAfter(ageMs);
    const known = this.#keys?.find(header);
    if (known !== undefined) return known;
    // Nothing can be new so soon. Being wrong here refuses a good token for `cooldownMs` at most.
    if (this.#keys !== undefined && ageMs <= this.#settings.cooldownMs) throw accessTokenError("unknown_key");
    return this.#fetchedKey(header);
  }

  #ageMs(): number {
    return this.#settings.monotonicMs() - this.#fetchedAtMs;
  }

  /** Begins to replace keys that are old, and drops those that are too old to be good. */
  #lookAfter(ageMs: number): void {
    const { maxAgeMs, keepLastKeysMs } = this.#settings;
    if (this.#keys === undefined || ageMs <= maxAgeMs) return;
    if (ageMs > maxAgeMs + keepLastKeysMs) {
      this.#keys = undefined;
      this.#generation++;
    } else this.#refreshBehind();
  }

  async #fetchedKey(header: { readonly kid: string; readonly alg: string }): Promise<KeyObject> {
    await this.#refreshUnlessJustFailed();
    const key = this.#keys?.find(header);
    if (key === undefined) throw accessTokenError("unknown_key");
    return key;
  }

  #refreshUnlessJustFailed(): Promise<void> {
    if (this.#underWay === undefined && this.#failedLately()) {
      throw accessTokenError("keys_unavailable", { detail: "the last fetch failed a moment ago" });
    }
    return this.refresh();
  }

  #failedLately(): boolean {
    return this.#settings.monotonicMs() - this.#failedAtMs < this.#settings.retryMs;
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
    const startedAtMs = this.#settings.monotonicMs();
    try {
      const next = await fetchKeySet(this.#settings);
      if (this.#keys !== undefined && !this.#keys.isWithin(next)) this.#generation++;
      this.#keys = next;
      this.#fetchedAtMs = startedAtMs;
    } catch (error) {
      this.#failedAtMs = this.#settings.monotonicMs();
      throw error;
    }
  }
}

async function fetchKeySet(settings: Settings): Promise<KeySet> {
  const uri = settings.jwksUri === undefined ? await discoverJwksUri(settings) : new URL(settings.jwksUri);
  const document = await fetchJson(uri, settings);
  if (!Array.isArray(document?.keys)) {
    throw accessTokenError("keys_unavailable", { detail: `${uri.origin} publishes no key set` });
  }
  return importKeySet(document.keys);
}
