import { SCOPE_CODES } from "@portcullis/protocol";
import { NO_HORIZON, PLACE_STRIDE, type TokenCoordinates } from "./coordinates.ts";
import { CutoffMatch, type CutoffTable } from "./tables/cutoff-table.ts";
import { MEMBERSHIP_TAGS, type MembershipTable } from "./tables/membership-table.ts";
import { ALLOW, denial, type Verdict } from "./verdict.ts";

/** A table, and bit `scope code` for every scope that has a record in it. */
interface Held<Table> {
  readonly table: Table;
  readonly kinds: number;
}

interface HeldPair<Table> {
  readonly current: Held<Table>;
  readonly previous: Held<Table> | undefined;
}

/** Where a verdict looks. */
interface LookupTables {
  readonly skewSeconds: number;
  /** By the token's own `exp`. */
  readonly tokens: { find(expiresAt: number): Held<MembershipTable> | undefined };
  readonly members: HeldPair<MembershipTable>;
  /** Signing keys, and keys that tokens are bound to. Nothing leaves it: whoever stole a key goes on making tokens. */
  readonly keys: Held<MembershipTable>;
  readonly cutoffs: HeldPair<CutoffTable>;
}

const TOKEN = SCOPE_CODES.token;
/** Bits of the scopes that are kept for good. */
export const STANDING_SCOPES = (1 << SCOPE_CODES.key) | (1 << SCOPE_CODES["dpop-key"]);

/**
 * The reading half of the index: the same for the thread that writes it and for those that only read. Another thread
 * may be writing all the while, and nothing here waits for it: what is in the tables stays there, so that a slot half
 * written is at worst one that is not there yet, and nobody was told that it is.
 */
export class RevocationLookup {
  protected readonly skewSeconds: number;
  protected readonly tokens: LookupTables["tokens"];
  protected readonly members: LookupTables["members"];
  protected readonly keys: LookupTables["keys"];
  protected readonly cutoffs: LookupTables["cutoffs"];
  /** Bit `scope code` for every scope that something is known of: the others need no lookup. */
  protected killingScopes = 0;
  protected stalingScopes = 0;
  readonly #match = new CutoffMatch();

  constructor({ skewSeconds, tokens, members, keys, cutoffs }: LookupTables) {
    this.skewSeconds = skewSeconds;
    this.tokens = tokens;
    this.members = members;
    this.keys = keys;
    this.cutoffs = cutoffs;
  }

  /** Returns the verdict. A kill is named before a staleness, and of either the most specific scope. Allocates nothing. */
  verdict(at: TokenCoordinates): Verdict {
    const killing = at.scopes & this.killingScopes;
    const staling = at.scopes & this.stalingScopes;
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

  /** Returns the smallest reason code of the key, wherever it was put, else 0. */
  #member(at: TokenCoordinates, place: number): number {
    const { places } = at;
    const { current, previous } = this.members;
    const scope = places[place]!;
    if (((1 << scope) & STANDING_SCOPES) !== 0) return this.keys.table.reasonAt(places, place);
    let reason = scope === TOKEN ? this.#tokenReason(at, place) : 0;
    if ((current.kinds & (1 << scope)) !== 0) reason = lesser(reason, current.table.reasonAt(places, place));
    if (previous === undefined) return reason;
    return lesser(reason, previous.table.reasonAt(places, place));
  }

  #tokenReason(at: TokenCoordinates, place: number): number {
    return this.tokens.find(at.expiresAt)?.table.reasonAt(at.places, place) ?? 0;
  }

  /** Returns the reason code when the token was issued before the cutoff, else 0. */
  #cutOff(at: TokenCoordinates, place: number, stale: number): number {
    const match = this.#match;
    const { current, previous } = this.cutoffs;
    match.clear();
    current.table.find(stale, at.places, place, match);
    previous?.table.find(stale, at.places, place, match);
    if (match.reason === 0) return 0;
    // Order decides, never time. Only tokens of issuers that do not stamp a horizon are left with their `iat`.
    const before =
      at.horizon === NO_HORIZON
        ? !(at.issuedAt > match.revokedAt + this.skewSeconds)
        : at.horizon < match.seq;
    return before ? match.reason : 0;
  }
}

const lesser = (left: number, right: number): number =>
  left === 0 || (right !== 0 && right < left) ? right : left;
