import { countedFor, keyOfLeaseHolder, type LeaseHolder } from "@portcullis/feed-server";
import type { DirectoryRow } from "./shared-directory.ts";

/**
 * A server grants to a lease holder on its memory that the row is there for so long after the start of its last write of that
 * row. So a row that nobody has written for this long, and a lease, speaks of no lease that is in force.
 */
export const ROW_TRUSTED_MS = 5000;
/** A row that may be deleted has been useless for so much longer. */
const KEPT_MS = 60_000;

export interface KnownRow extends DirectoryRow {
  /** Monotonic: its last write was committed before. */
  readonly renewedBefore: number;
  /** Whether this server has seen an older state of it, so that `renewedBefore` is about when it was written. */
  readonly witnessed: boolean;
}

/** The directory as it was read last, and since when each row has been what it is. */
export class KnownRows {
  #rows = new Map<string, KnownRow>();
  #read = false;

  /** `readBy`, monotonic: the rows had been read by then. */
  take(rows: readonly DirectoryRow[], readBy: number): void {
    const before = this.#rows;
    this.#rows = new Map();
    for (const row of rows) {
      const key = keyOfLeaseHolder(row.holder);
      const known = before.get(key);
      const since =
        known?.renewal === row.renewal
          ? { renewedBefore: known.renewedBefore, witnessed: known.witnessed }
          : { renewedBefore: readBy, witnessed: this.#read };
      this.#rows.set(key, { ...row, ...since });
    }
    this.#read = true;
  }

  get size(): number {
    return this.#rows.size;
  }

  has(key: string): boolean {
    return this.#rows.has(key);
  }

  get(key: string): KnownRow | undefined {
    return this.#rows.get(key);
  }

  values(): Iterable<KnownRow> {
    return this.#rows.values();
  }

  /** It was given back. */
  delete(holder: LeaseHolder): void {
    this.#rows.delete(keyOfLeaseHolder(holder));
  }

  /** Rows that speak of nobody any more, by this server's own observation. */
  useless(now: number): KnownRow[] {
    return [...this.#rows.values()].filter((row) => now > silentAfter(row) + KEPT_MS);
  }
}

/** After this no server gives or has given a lease that counts, unless the row was written again. */
export const silentAfter = ({ renewedBefore, leaseMs }: KnownRow): number =>
  renewedBefore + countedFor(leaseMs + ROW_TRUSTED_MS);

/** When the lease holder was last heard of: here, or as the row shows. */
export function latest(receivedAt: number | undefined, row: KnownRow | undefined): number | undefined {
  const seen = row?.witnessed === true ? row.renewedBefore : undefined;
  if (receivedAt === undefined || seen === undefined) return receivedAt ?? seen;
  return Math.max(receivedAt, seen);
}
