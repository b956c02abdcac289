import { randomFillSync } from "node:crypto";
import {
  encodeRecords,
  IDENTIFIER_BYTES,
  RECORD_BYTES,
  type RevocationRecord,
  SCOPE_CODES,
} from "@portcullis/protocol";
import { NO_HORIZON, PLACE_STRIDE, type TokenCoordinates } from "./coordinates.ts";
import { checkRecords, EncodedRecord } from "./encoded-record.ts";
import { revocationError } from "./errors.ts";
import { CutoffMatch, CutoffTable } from "./tables/cutoff-table.ts";
import { ExpiryBuckets, type Moment, Rotation } from "./tables/generations.ts";
import { MEMBERSHIP_TAGS, MembershipTable } from "./tables/membership-table.ts";
import { seedsFrom } from "./tables/segmented-table.ts";
import { ALLOW, denial, type Verdict } from "./verdict.ts";

export interface RevocationIndexOptions {
  /** Longest life of an access token. */
  readonly tokenLifetimeSeconds: number;
  readonly clockSkewSeconds: number;
  /** Wall clock. Only decides when memory is given back, and never alone: see tables/generations.ts. */
  readonly nowSeconds: () => number;
  readonly monotonicMs?: () => number;
  readonly randomWords?: (words: Uint32Array) => Uint32Array;
}

export interface IndexStatistics {
  readonly membership: number;
  readonly cutoffs: number;
  readonly bytes: number;
}

/** Every so many verdicts the index looks whether a table can be dropped; appending looks every time. */
const VERDICTS_A_TURN = 4096;
/** The longest token lifetime is cut in so many stretches of `exp`. */
const BUCKETS_A_LIFETIME = 8;
/** A generation's `kinds`: bit `scope code` for kill, and so many bits further up for stale. */
const STALE_KINDS_SHIFT = 16;
const KILL_KINDS = 0xffff;
const TOKEN = SCOPE_CODES.token;

/**
 * What is revoked, and whether that covers a token. State only grows (a set and max-registers), so records may
 * come twice and in any order; the verdict is the OR of all scopes, so that no record masks another.
 */
export class RevocationIndex {
  readonly #skewSeconds: number;
  readonly #clock: () => Moment;
  readonly #tokens: ExpiryBuckets<MembershipTable>;
  readonly #members: Rotation<MembershipTable>;
  readonly #cutoffs: Rotation<CutoffTable>;
  readonly #match = new CutoffMatch();
  /** Bit `scope code` for every scope that something is known of: the others need no lookup. */
  #killingScopes = 0;
  #stalingScopes = 0;
  #verdicts = 0;

  constructor(options: RevocationIndexOptions) {
    const { nowSeconds, monotonicMs = () => performance.now() } = options;
    const random = options.randomWords ?? ((words) => randomFillSync(words));
    const seeds = seedsFrom(random(new Uint32Array(4)));
    const span = options.tokenLifetimeSeconds + options.clockSkewSeconds;
    this.#skewSeconds = options.clockSkewSeconds;
    this.#clock = () => ({ wallSeconds: nowSeconds(), monotonicSeconds: monotonicMs() / 1000 });
    this.#tokens = new ExpiryBuckets(() => new MembershipTable(seeds), Math.ceil(span / BUCKETS_A_LIFETIME));
    this.#members = new Rotation(() => new MembershipTable(seeds), span, this.#clock());
    this.#cutoffs = new Rotation(() => new CutoffTable(seeds), span, this.#clock());
  }

  /** Idempotent and commutative. */
  apply(record: RevocationRecord): void {
    if (record.key.length !== IDENTIFIER_BYTES) {
      throw revocationError("malformed_records", { detail: `a key of ${record.key.length} bytes` });
    }
    this.applyEncoded(encodeRecords([record]));
  }

  /** Records of 40 bytes each (protocol/records.ts); all are validated before any is applied. */
  applyEncoded(records: Uint8Array): void {
    checkRecords(records);
    const now = this.#clock();
    this.#turn(now);
    const record = new EncodedRecord(records);
    for (let at = 0; at < records.length; at += RECORD_BYTES) {
      record.read(at);
      if (record.stale === 1 || MEMBERSHIP_TAGS[record.scope] === 0) this.#addCutoff(record, now);
      else this.#addMember(record, now);
    }
  }

  #addMember(record: EncodedRecord, now: Moment): void {
    const withBucket = record.scope === TOKEN && record.tokenExpiresAt !== 0;
    const bucket = withBucket ? this.#tokens.findOrOpen(record.tokenExpiresAt, now) : undefined;
    const generation = bucket ?? this.#members.current;
    generation.table.add(record);
    generation.retain(record, now);
    generation.kinds |= 1 << record.scope;
    this.#killingScopes |= 1 << record.scope;
  }

  #addCutoff(record: EncodedRecord, now: Moment): void {
    const generation = this.#cutoffs.current;
    generation.table.add(record);
    generation.retain(record, now);
    const kind = 1 << (record.scope + record.stale * STALE_KINDS_SHIFT);
    generation.kinds |= kind;
    if (record.stale === 1) this.#stalingScopes |= 1 << record.scope;
    else this.#killingScopes |= 1 << record.scope;
  }

  /** A kill is named before a staleness, and of either the most specific scope. Allocates nothing. */
  verdict(at: TokenCoordinates): Verdict {
    if (++this.#verdicts >= VERDICTS_A_TURN) this.expire();
    const killing = at.scopes & this.#killingScopes;
    const staling = at.scopes & this.#stalingScopes;
    return (
      (killing === 0 ? undefined : this.#killed(at, killing)) ??
      (staling === 0 ? ALLOW : this.#stale(at, staling))
    );
  }

  #killed(at: TokenCoordinates, scopes: number): Verdict | undefined {
    const { places } = at;
    for (let place = 0; place < places.length; place += PLACE_STRIDE) {
      const scope = places[place]!;
      if ((scopes & (1 << scope)) === 0) continue;
      const reason = MEMBERSHIP_TAGS[scope] === 0 ? this.#cutOff(at, place, 0) : this.#member(at, place);
      if (reason !== 0) return denial(0, scope, reason);
    }
    return undefined;
  }

  #stale(at: TokenCoordinates, scopes: number): Verdict {
    const { places } = at;
    for (let place = 0; place < places.length; place += PLACE_STRIDE) {
      const scope = places[place]!;
      if ((scopes & (1 << scope)) === 0) continue;
      const reason = this.#cutOff(at, place, 1);
      if (reason !== 0) return denial(1, scope, reason);
    }
    return ALLOW;
  }

  /** Smallest reason code of the key, wherever it was put, else 0. */
  #member(at: TokenCoordinates, place: number): number {
    const { places } = at;
    const { current, previous } = this.#members;
    const scope = places[place]!;
    let reason = scope === TOKEN ? this.#tokenReason(at, place) : 0;
    if ((current.kinds & (1 << scope)) !== 0) reason = lesser(reason, current.table.reasonAt(places, place));
    if (previous === undefined) return reason;
    return lesser(reason, previous.table.reasonAt(places, place));
  }

  #tokenReason(at: TokenCoordinates, place: number): number {
    return this.#tokens.find(at.expiresAt)?.table.reasonAt(at.places, place) ?? 0;
  }

  /** Reason code when the token was issued before the cutoff, else 0. */
  #cutOff(at: TokenCoordinates, place: number, stale: number): number {
    const match = this.#match;
    const { current, previous } = this.#cutoffs;
    match.clear();
    current.table.find(stale, at.places, place, match);
    previous?.table.find(stale, at.places, place, match);
    if (match.reason === 0) return 0;
    // Order decides, never time. Only tokens of issuers that do not stamp a horizon are left with their `iat`.
    const before =
      at.horizon === NO_HORIZON
        ? !(at.issuedAt > match.revokedAt + this.#skewSeconds)
        : at.horizon < match.seq;
    return before ? match.reason : 0;
  }

  /** Gives back the memory of what cannot matter any more. Happens by itself; an idle holder may ask for it. */
  expire(): void {
    this.#verdicts = 0;
    this.#turn(this.#clock());
  }

  #turn(now: Moment): void {
    this.#tokens.turn(now);
    this.#members.turn(now);
    this.#cutoffs.turn(now);
    const cutoffs = this.#cutoffs.kinds;
    const tokens = this.#tokens.count === 0 ? 0 : 1 << TOKEN;
    this.#killingScopes = tokens | this.#members.kinds | (cutoffs & KILL_KINDS);
    this.#stalingScopes = cutoffs >>> STALE_KINDS_SHIFT;
  }

  statistics(): IndexStatistics {
    return {
      membership: this.#tokens.count + this.#members.count,
      cutoffs: this.#cutoffs.count,
      bytes: this.#tokens.bytes + this.#members.bytes + this.#cutoffs.bytes,
    };
  }
}

const lesser = (left: number, right: number): number =>
  left === 0 || (right !== 0 && right < left) ? right : left;
