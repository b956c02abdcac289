/** What verifiers have reported, arranged by the places in the log at which it can be compared. */
import { LIVE_DIGEST_STRETCH_SECONDS, type VerifierStatus } from "@portcullis/protocol";

interface LiveMark {
  readonly verifier: VerifierStatus;
  readonly from: number;
  readonly count: number;
}

/**
 * A verifier reports the digest of its records now and then, and what it has applied at every call: the digest may be
 * of a little before. Which place it is of follows from its count: the first place in the log with so many records
 * that expire at `from` or later.
 */
export class VerifierMarks {
  readonly #byApplied = new Map<number, VerifierStatus[]>();
  /** By `from`: how many records counted so far, and who waits for which count. */
  readonly #byFrom = new Map<number, { counted: number; readonly waiting: Map<number, LiveMark[]> }>();

  constructor(verifiers: readonly VerifierStatus[]) {
    for (const verifier of verifiers) {
      this.#byApplied.set(verifier.applied, [...(this.#byApplied.get(verifier.applied) ?? []), verifier]);
      if (verifier.live !== undefined) this.#expect({ verifier, ...verifier.live });
    }
  }

  /** Those that have applied exactly so much. */
  appliedAt(seq: number): readonly VerifierStatus[] {
    return this.#byApplied.get(seq) ?? [];
  }

  /** Those whose digest is of no records at all. */
  emptyLive(): readonly VerifierStatus[] {
    return [...this.#byFrom.values()].flatMap(({ waiting }) =>
      (waiting.get(0) ?? []).map(({ verifier }) => verifier),
    );
  }

  /** Those whose digest is of the place right after this record. Called once for each record, in order. */
  liveAfter(view: DataView, at: number): readonly VerifierStatus[] {
    const expiresAt = view.getUint32(at + 16);
    const found: VerifierStatus[] = [];
    for (const [from, group] of this.#byFrom) {
      if (stretchOf(expiresAt) < stretchOf(from)) continue;
      group.counted++;
      for (const { verifier } of group.waiting.get(group.counted) ?? []) found.push(verifier);
    }
    return found;
  }

  #expect(mark: LiveMark): void {
    const group = this.#byFrom.get(mark.from) ?? { counted: 0, waiting: new Map<number, LiveMark[]>() };
    this.#byFrom.set(mark.from, group);
    group.waiting.set(mark.count, [...(group.waiting.get(mark.count) ?? []), mark]);
  }
}

const stretchOf = (seconds: number): number => Math.floor(seconds / LIVE_DIGEST_STRETCH_SECONDS);
