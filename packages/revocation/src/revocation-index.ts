import { randomFillSync } from "node:crypto";
import {
  type Clock,
  encodeRecords,
  IDENTIFIER_BYTES,
  RECORD_BYTES,
  type RevocationRecord,
  SCOPE_CODES,
  systemClock,
  wallSecondsOf,
} from "@portcullis/protocol";
import type { TokenCoordinates } from "./coordinates.ts";
import { checkRecords, EncodedRecord } from "./encoded-record.ts";
import { revocationError } from "./errors.ts";
import { RevocationLookup, STANDING_SCOPES } from "./revocation-lookup.ts";
import { CutoffTable } from "./tables/cutoff-table.ts";
import { ExpiryBuckets, Generation, type Moment, Rotation } from "./tables/generations.ts";
import { MEMBERSHIP_TAGS, MembershipTable } from "./tables/membership-table.ts";
import { type Seeds, seedsFrom } from "./tables/segmented-table.ts";
import type { Verdict } from "./verdict.ts";

export interface RevocationIndexOptions {
  /** Longest life of an access token. */
  readonly tokenLifetimeSeconds: number;
  readonly clockSkewSeconds: number;
  /** Decides when memory is given back, and nothing else: see tables/generations.ts. Default: the system's. */
  readonly clock?: Clock | undefined;
  readonly randomWords?: ((words: Uint32Array) => Uint32Array) | undefined;
  /** Puts the tables where other threads of the process can read them: see threads/. */
  readonly shared?: boolean | undefined;
}

export interface IndexParts {
  readonly seeds: Seeds;
  readonly skewSeconds: number;
  readonly killingScopes: number;
  readonly stalingScopes: number;
  readonly tokens: ExpiryBuckets<MembershipTable>;
  readonly members: Rotation<MembershipTable>;
  readonly keys: Generation<MembershipTable>;
  readonly cutoffs: Rotation<CutoffTable>;
}

export interface IndexStatistics {
  readonly membership: number;
  readonly cutoffs: number;
  readonly bytes: number;
}

/** Every so many verdicts the index looks whether a table can be dropped; appending looks every time. */
const VERDICTS_PER_TURN = 4096;
/** The longest token lifetime is cut in so many stretches of `exp`. */
const BUCKETS_PER_LIFETIME = 8;
/** A generation's `kinds`: bit `scope code` for kill, and so many bits further up for stale. */
const STALE_KINDS_SHIFT = 16;
const KILL_KINDS = 0xffff;
const TOKEN = SCOPE_CODES.token;

/**
 * What is revoked, and whether that covers a token. State only grows (a set and max-registers), so records may
 * come twice and in any order; the verdict is the OR of all scopes, so that no record masks another.
 */
export class RevocationIndex extends RevocationLookup {
  readonly #clock: Clock;
  readonly #tokens: ExpiryBuckets<MembershipTable>;
  readonly #members: Rotation<MembershipTable>;
  readonly #keys: Generation<MembershipTable>;
  readonly #cutoffs: Rotation<CutoffTable>;
  readonly #seeds: Seeds;
  #verdicts = 0;

  constructor(options: RevocationIndexOptions) {
    const { clockSkewSeconds, clock = systemClock, shared = false } = options;
    const random = options.randomWords ?? ((words) => randomFillSync(words));
    const seeds = seedsFrom(random(new Uint32Array(4)));
    const span = options.tokenLifetimeSeconds + clockSkewSeconds;
    const now = momentOf(clock);
    const membership = () => new MembershipTable(seeds, shared);
    const tokens = new ExpiryBuckets(membership, Math.ceil(span / BUCKETS_PER_LIFETIME));
    const members = new Rotation(membership, span, now);
    const keys = new Generation(membership(), now);
    const cutoffs = new Rotation(() => new CutoffTable(seeds, shared), span, now);
    super({ skewSeconds: clockSkewSeconds, tokens, members, keys, cutoffs });
    this.#seeds = seeds;
    this.#clock = clock;
    this.#tokens = tokens;
    this.#members = members;
    this.#keys = keys;
    this.#cutoffs = cutoffs;
  }

  /** Applies one record. Idempotent and commutative. */
  apply(record: RevocationRecord): void {
    if (record.key.length !== IDENTIFIER_BYTES) {
      throw revocationError("malformed_records", { detail: `a key of ${record.key.length} bytes` });
    }
    this.applyEncoded(encodeRecords([record]));
  }

  /** Applies records of 40 bytes each (protocol/records.ts); all are validated before any is applied. */
  applyEncoded(records: Uint8Array): void {
    checkRecords(records);
    const now = momentOf(this.#clock);
    this.#turn(now);
    const record = new EncodedRecord(records);
    for (let at = 0; at < records.length; at += RECORD_BYTES) {
      record.read(at);
      if (record.stale === 1 || MEMBERSHIP_TAGS[record.scope] === 0) this.#addCutoff(record, now);
      else this.#addMember(record, now);
    }
  }

  #addMember(record: EncodedRecord, now: Moment): void {
    const generation = this.#generationFor(record, now);
    generation.table.add(record);
    generation.retain(record, now);
    generation.kinds |= 1 << record.scope;
    this.killingScopes |= 1 << record.scope;
  }

  #generationFor(record: EncodedRecord, now: Moment): Generation<MembershipTable> {
    if (((1 << record.scope) & STANDING_SCOPES) !== 0) return this.#keys;
    const withBucket = record.scope === TOKEN && record.tokenExpiresAt !== 0;
    const bucket = withBucket ? this.#tokens.findOrOpen(record.tokenExpiresAt, now) : undefined;
    return bucket ?? this.#members.current;
  }

  #addCutoff(record: EncodedRecord, now: Moment): void {
    const generation = this.#cutoffs.current;
    generation.table.add(record);
    generation.retain(record, now);
    const kind = 1 << (record.scope + record.stale * STALE_KINDS_SHIFT);
    generation.kinds |= kind;
    if (record.stale === 1) this.stalingScopes |= 1 << record.scope;
    else this.killingScopes |= 1 << record.scope;
  }

  override verdict(at: TokenCoordinates): Verdict {
    if (++this.#verdicts >= VERDICTS_PER_TURN) this.expire();
    return super.verdict(at);
  }

  /** Gives back the memory of what cannot matter any more. Happens by itself; whoever has an idle index may ask for it. */
  expire(): void {
    this.#verdicts = 0;
    this.#turn(momentOf(this.#clock));
  }

  #turn(now: Moment): void {
    this.#tokens.turn(now);
    this.#members.turn(now);
    this.#cutoffs.turn(now);
    const cutoffs = this.#cutoffs.kinds;
    const tokens = this.#tokens.count === 0 ? 0 : 1 << TOKEN;
    this.killingScopes = tokens | this.#members.kinds | this.#keys.kinds | (cutoffs & KILL_KINDS);
    this.stalingScopes = cutoffs >>> STALE_KINDS_SHIFT;
  }

  /** Returns what another thread's view is made of: threads/. */
  parts(): IndexParts {
    const { skewSeconds, killingScopes, stalingScopes } = this;
    return {
      seeds: this.#seeds,
      skewSeconds,
      killingScopes,
      stalingScopes,
      tokens: this.#tokens,
      members: this.#members,
      keys: this.#keys,
      cutoffs: this.#cutoffs,
    };
  }

  statistics(): IndexStatistics {
    return {
      membership: this.#tokens.count + this.#members.count + this.#keys.table.count,
      cutoffs: this.#cutoffs.count,
      bytes: this.#tokens.bytes + this.#members.bytes + this.#keys.table.bytes + this.#cutoffs.bytes,
    };
  }
}

const momentOf = (clock: Clock): Moment => ({
  wallSeconds: wallSecondsOf(clock),
  monotonicSeconds: clock.monotonicMs() / 1000,
});
