import type { Clock, ClockReport, LiveDigest } from "@portcullis/protocol";

/** Who holds a lease: the authenticated client, and the name that its process gave itself. */
export interface LeaseHolder {
  readonly clientId: string;
  readonly name: string;
}

/** Names have no spaces, so no two lease holders share a key. */
export const keyOfLeaseHolder = ({ clientId, name }: LeaseHolder): string => `${name} ${clientId}`;

export interface Lease {
  readonly key: string;
  readonly holder: LeaseHolder;
  /** SHA-256 of what its process alone knows; undefined of a lease from before there were such secrets. */
  readonly secretHash: string | undefined;
  /** Where its last call came from, if that is known. */
  readonly address?: string | undefined;
  /** The head when its holder came: it stood when later seqs were committed. */
  readonly since: number;
  /** Its index holds every record up to this seq: so it said last. */
  readonly applied: number;
  /** For how long its last call counts here. */
  readonly leaseMs: number;
  /** Monotonic, when its last call was received; undefined when none was since this process started. */
  readonly calledAt: number | undefined;
  /** Value of the chain at `applied`, as it said. */
  readonly chain: string | undefined;
  /** The newest digest that it gave, and what it had applied then. */
  readonly live: { readonly applied: number; readonly digest: LiveDigest } | undefined;
  /** What it measured of its wall clock, as it said last. */
  readonly clock?: ClockReport | undefined;
}

/** What a verifier says of its index besides what it has applied. */
export interface LeaseReport {
  readonly address?: string | undefined;
  readonly chain?: string | undefined;
  readonly live?: LiveDigest | undefined;
  readonly clock?: ClockReport | undefined;
}

interface Granted extends LeaseReport {
  readonly secretHash: string;
  readonly applied: number;
  readonly head: number;
  readonly receivedAt: number;
  /** For how long it counts here. */
  readonly leaseMs: number;
}

/**
 * One answer to a lease call: the head it named, and when the right that it gave ends. It makes the verifier
 * fresh only once it has applied that head. So an answer that named head 8 never lets a verifier allow what
 * seq 8 or an earlier one revoked, however often it renews.
 */
interface Grant {
  readonly head: number;
  readonly endsAt: number;
}

interface Entry extends Lease {
  address?: string | undefined;
  secretHash: string | undefined;
  since: number;
  applied: number;
  leaseMs: number;
  calledAt: number | undefined;
  chain: string | undefined;
  live: Lease["live"];
  clock?: ClockReport | undefined;
  /** In order of their heads. */
  grants: Grant[];
}

export type LeaseChange =
  | { readonly type: "granted"; readonly lease: Lease }
  | { readonly type: "released"; readonly lease: Lease }
  /** Whatever was said before may be looked up anew: the names of all lease holders have been read. */
  | { readonly type: "known" };

const GRANTS_KEPT = 16;

/** What receipts ask of whoever keeps the leases. */
export interface Leases {
  /** Leases that may not have run out. */
  held(): Lease[];
  /** Lease holders that may still allow what the log revoked at `seq`, and until when. */
  laggardsOf(seq: number): Laggard[];
  /**
   * Until when lease holders whose names are not known here yet may still allow it; in the past when all are known. Absent
   * where all are always known.
   */
  strangersUntil?(seq: number): number;
  subscribe(listener: (change: LeaseChange) => void): () => void;
}

export interface Laggard {
  readonly lease: Lease;
  /** Monotonic. */
  readonly until: number;
}

/** Who may say "allow", and until when. Pure bookkeeping on the monotonic clock; times in milliseconds. */
export class LeaseTable implements Leases {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<(change: LeaseChange) => void>();

  /** Never by a wall clock: a jump would end leases here that verifiers still hold. */
  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  /** After a restart: we do not know what it has applied, nor when it asked last, so the worst is assumed. */
  presume(holder: LeaseHolder, leaseMs: number, secretHash?: string): void {
    const grants = [{ head: 0, endsAt: this.#clock.monotonicMs() + leaseMs }];
    const key = keyOfLeaseHolder(holder);
    this.#entries.set(key, { ...newEntry(key, holder, 0), secretHash, leaseMs, grants });
  }

  /** `head`, the newest committed seq, must be read in the same turn. Counts from `receivedAt`. */
  grant(holder: LeaseHolder, terms: Granted): void {
    const key = keyOfLeaseHolder(holder);
    const entry = this.#entries.get(key) ?? newEntry(key, holder, terms.head);
    this.#entries.set(key, entry);
    // Its last lease ran out: who comes now did not stand in between.
    if (endOf(entry.grants) <= this.#clock.monotonicMs()) entry.since = terms.head;
    entry.secretHash = terms.secretHash;
    entry.address = terms.address;
    // As it says, not the largest it ever said: a process that started anew may be behind its former self.
    entry.applied = terms.applied;
    entry.leaseMs = terms.leaseMs;
    entry.calledAt = terms.receivedAt;
    entry.chain = terms.chain;
    entry.clock = terms.clock;
    if (terms.live !== undefined) entry.live = { applied: terms.applied, digest: terms.live };
    entry.grants.push({ head: terms.head, endsAt: terms.receivedAt + terms.leaseMs });
    entry.grants = compact(entry, this.#clock.monotonicMs());
    this.#emit({ type: "granted", lease: entry });
  }

  release(holder: LeaseHolder): void {
    const entry = this.#entries.get(keyOfLeaseHolder(holder));
    if (entry === undefined) return;
    this.#entries.delete(entry.key);
    this.#emit({ type: "released", lease: entry });
  }

  /** Whether the name is another process's: one that may still allow took it with another secret. */
  isOfAnother(holder: LeaseHolder, secretHash: string): boolean {
    const entry = this.#entries.get(keyOfLeaseHolder(holder));
    if (entry?.secretHash === undefined || entry.secretHash === secretHash) return false;
    return endOf(entry.grants) > this.#clock.monotonicMs();
  }

  /** Leases, and those that have run out and were not dropped yet. */
  get count(): number {
    return this.#entries.size;
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** Leases that have not run out. */
  held(): Lease[] {
    const now = this.#clock.monotonicMs();
    return [...this.#entries.values()].filter((entry) => endOf(entry.grants) > now);
  }

  /** How many names of the client are kept: those of leases that have run out and were not dropped yet are among them. */
  namesOf(clientId: string): number {
    return [...this.#entries.values()].filter(({ holder }) => holder.clientId === clientId).length;
  }

  /**
   * Lease holders that may still allow what the log revoked at `seq`, and until when: those that have not applied it,
   * by the answers that they got before it was committed.
   */
  laggardsOf(seq: number): Laggard[] {
    const now = this.#clock.monotonicMs();
    return [...this.#entries.values()]
      .filter((entry) => entry.applied < seq)
      .map((entry) => ({ lease: entry, until: endOf(entry.grants.filter((grant) => grant.head < seq)) }))
      .filter(({ until }) => until > now);
  }

  dropExpired(): void {
    const now = this.#clock.monotonicMs();
    for (const entry of this.#entries.values()) {
      if (endOf(entry.grants) <= now) this.#entries.delete(entry.key);
    }
  }

  subscribe(listener: (change: LeaseChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #emit(change: LeaseChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

function newEntry(key: string, holder: LeaseHolder, since: number): Entry {
  const silent = { calledAt: undefined, chain: undefined, live: undefined };
  return { key, holder, secretHash: undefined, since, applied: 0, leaseMs: 0, ...silent, grants: [] };
}

function endOf(grants: readonly Grant[]): number {
  return grants.reduce((latest, grant) => Math.max(latest, grant.endsAt), Number.NEGATIVE_INFINITY);
}

/**
 * Drops what ran out and joins what no question tells apart. Joining keeps the earlier head and the later end,
 * so it can only make a lease holder look more dangerous than it is.
 */
function compact({ applied, grants }: Entry, now: number): Grant[] {
  const kept: Grant[] = [];
  for (const grant of grants) {
    if (grant.endsAt <= now) continue;
    const last = kept.at(-1);
    const alike = last !== undefined && (grant.head === last.head || grant.head <= applied);
    if (alike) kept[kept.length - 1] = joined(last, grant);
    else kept.push(grant);
  }
  while (kept.length > GRANTS_KEPT) kept.splice(0, 2, joined(kept[0]!, kept[1]!));
  return kept;
}

function joined(earlier: Grant, later: Grant): Grant {
  return { head: earlier.head, endsAt: Math.max(earlier.endsAt, later.endsAt) };
}
