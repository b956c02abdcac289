import {
  hasCode,
  type LeaseRequest,
  type LeaseResponse,
  type LiveDigester,
  RECORD_BYTES,
  type SnapshotHeader,
  unlessAborted,
} from "@portcullis/protocol";
import { createKeySpace, type KeySpace } from "../coordinates.ts";
import { revocationError } from "../errors.ts";
import type { DecodedBatch } from "../feed.ts";
import type { RevocationIndex } from "../revocation-index.ts";
import type { ReportEvent } from "./announcer.ts";
import { Capacity, entriesOf } from "./capacity.ts";
import { checkBatch, checkHead, verifiedHead } from "./check-batch.ts";
import type { Position } from "./lease-keeper.ts";
import { LiveReport } from "./live-report.ts";
import { type CheckedSnapshot, checkSnapshot, type LoadedSnapshot, loadSnapshot } from "./load-snapshot.ts";
import { NewestHead } from "./newest-head.ts";
import { checkRecent } from "./recent-head.ts";
import type { ResolvedReplicaOptions } from "./replica.ts";
import { SeenHeads } from "./seen-heads.ts";

export interface Holding {
  readonly incarnation: string;
  readonly index: RevocationIndex;
  readonly keySpace: KeySpace;
  readonly hashKey: Uint8Array;
  /** By which clocks may differ; as the log keeps its records. */
  readonly clockSkewSeconds: number;
  /** Of all that the index was given. */
  readonly live: LiveDigester;
}

interface HeldLogOptions
  extends Pick<
    ResolvedReplicaOptions,
    "clock" | "verifyHead" | "createIndex" | "visible" | "onApplied" | "maxEntries"
  > {
  readonly report: ReportEvent;
  /** Records are in the index in use, and not yet acknowledged. */
  readonly onVerdicts: () => void;
}

interface ProofOptions {
  /** Of this verifier. */
  readonly leaseMs: number;
  readonly signal: AbortSignal;
}

/**
 * What a replica holds of the log: everything up to `applied`, and the value of the chain there. It changes only by what
 * was checked whole, and at once; what is no good leaves it as it was.
 */
export class HeldLog {
  readonly #options: HeldLogOptions;
  readonly #newestHead = new NewestHead();
  readonly #seen = new SeenHeads();
  readonly #liveReport: LiveReport;
  readonly #capacity: Capacity;
  #holding: Holding | undefined;
  #applied = 0;
  #chain = "";
  #isVoid = false;

  constructor(options: HeldLogOptions) {
    const { maxEntries, report } = options;
    this.#options = options;
    this.#liveReport = new LiveReport(options.clock);
    this.#capacity = new Capacity({ maxEntries, report });
  }

  get holding(): Holding | undefined {
    return this.#holding;
  }

  get applied(): number {
    return this.#applied;
  }

  /** The log is another one than this was taken from. Denials hold; nothing else does until a snapshot was swapped in. */
  get isVoid(): boolean {
    return this.#isVoid;
  }

  contradict(): void {
    this.#isVoid = true;
    this.#newestHead.contradicted();
  }

  /** Returns what can be acknowledged; none while void, since that would be to another log. */
  position(): Position | undefined {
    if (this.#holding === undefined || this.#isVoid) return undefined;
    return { incarnation: this.#holding.incarnation, applied: this.#applied, chain: this.#chain };
  }

  /**
   * Returns how far this got in a log that is said to be another now, with the issuer's own word on it: what the keeper of the log must
   * see if records were lost. Undefined when there is nothing to show.
   */
  lostPosition(): (Position & Required<Pick<LeaseRequest, "signedHead">>) | undefined {
    const { jws: signedHead } = this.#newestHead;
    if (this.#holding === undefined || !this.#isVoid || signedHead === undefined) return undefined;
    return { incarnation: this.#holding.incarnation, applied: this.#applied, chain: this.#chain, signedHead };
  }

  evidence(): Pick<LeaseRequest, "live" | "signedHead"> {
    const live = this.#holding && this.#liveReport.due(this.#holding.live);
    const signedHead = this.#newestHead.jws;
    return { ...(live && { live }), ...(signedHead !== undefined && { signedHead }) };
  }

  evidenceWasJudged(): void {
    this.#newestHead.judged();
  }

  /**
   * Returns an answer to a lease call with the newest head that it must be taken for. Throws `malformed_feed` when the issuer has signed
   * none, or none of late: whoever passed it on could have kept it back.
   */
  async proved(answer: LeaseResponse, { leaseMs, signal }: ProofOptions): Promise<LeaseResponse> {
    const { verifyHead, clock } = this.#options;
    const signed = await verifiedHead(answer.signedHead, { verifyHead, signal });
    if (signed === undefined) return answer;
    const { incarnation } = answer;
    if (signed.incarnation !== incarnation) {
      throw revocationError("malformed_feed", {
        detail: `an answer of ${incarnation} with the head of another`,
      });
    }
    this.#seen.take(signed);
    const skewMs = (this.#holding?.clockSkewSeconds ?? 0) * 1000;
    checkRecent(signed, answer, { leaseMs, leastWallMs: clock.wallMs() - skewMs });
    return { ...answer, head: Math.max(answer.head, signed.seq) };
  }

  /** Returns the highest head that is known of this log: below it nobody is fresh, whatever an answer says. */
  get knownHead(): number {
    return this.#holding === undefined ? 0 : this.#seen.seqIn(this.#holding.incarnation);
  }

  /** Returns a snapshot that was checked as one to be swapped in, for whoever passes it on. */
  check(bytes: Uint8Array, signal: AbortSignal): Promise<CheckedSnapshot> {
    const { verifyHead } = this.#options;
    return checkSnapshot(bytes, { verifyHead, seen: this.#seen, signal, accept: () => {} });
  }

  /** Returns a snapshot that may be swapped in: checked, loaded and visible to all reading threads. */
  async load(bytes: Uint8Array, signal: AbortSignal): Promise<LoadedSnapshot> {
    const accept = (header: SnapshotHeader) => this.#checkMayReplace(header);
    const { clock, verifyHead, createIndex } = this.#options;
    const seen = this.#seen;
    const loaded = await loadSnapshot(bytes, { clock, verifyHead, createIndex, seen, signal, accept });
    await this.#untilVisible(signal);
    signal.throwIfAborted();
    return loaded;
  }

  /**
   * Swaps it in, within one turn. Returns false when it is another log than before, so that no lease on that one holds any
   * more.
   */
  swapIn({ bytes, header, records, hashKey, signedHead, index, live }: LoadedSnapshot): boolean {
    this.#checkMayReplace(header);
    const { incarnation, head, chain, clockSkewSeconds } = header;
    this.#options.onApplied?.({ type: "snapshot", bytes, header, records, signedHead });
    const isSameLog = this.#holds(incarnation);
    const before = this.#holding;
    const isSameKey = before !== undefined && Buffer.compare(before.hashKey, hashKey) === 0;
    const keySpace = isSameKey ? before.keySpace : createKeySpace(hashKey);
    this.#holding = { incarnation, index, hashKey, clockSkewSeconds, keySpace, live };
    this.#isVoid = false;
    this.#options.onVerdicts();
    this.#reach(head, chain, signedHead);
    this.#options.report("snapshot_applied", { incarnation, head, ...index.statistics() });
    return isSameLog;
  }

  /**
   * Applies a batch, all or nothing. Only one is under way at a time, and none goes on once its connection was left. Returns
   * false when all of it was here already. Throws `feed_conflict` when the log is another one.
   */
  async extend(batch: DecodedBatch, signal: AbortSignal): Promise<boolean> {
    const holding = this.#holding;
    if (holding === undefined) throw revocationError("replica_not_ready");
    const { incarnation, index, live } = holding;
    const check = { verifyHead: this.#options.verifyHead, seen: this.#seen, signal };
    if (batch.incarnation !== incarnation) {
      // Of a log that is over, or that nobody signed: not a reason to give this one up.
      await checkHead(batch.signedHead, { ...batch, seq: batch.to }, check);
      throw revocationError("feed_conflict", { detail: "other_incarnation" });
    }
    if (batch.to <= this.#applied) return false;
    const at = { incarnation, seq: this.#applied, chain: this.#chain };
    const fresh = await checkBatch(batch, at, check);
    signal.throwIfAborted();
    this.#capacity.check(entriesOf(index.statistics()) + fresh.records.length / RECORD_BYTES);
    index.applyEncoded(fresh.records);
    this.#options.onVerdicts();
    // Left here, they are in the index and not acknowledged: they come again, and change nothing.
    await this.#untilVisible(signal);
    signal.throwIfAborted();
    this.#options.onApplied?.({ type: "batch", batch: fresh });
    live.add(fresh.records);
    this.#reach(fresh.to, fresh.chain, fresh.signedHead);
    return true;
  }

  #holds(incarnation: string): boolean {
    return this.#holding?.incarnation === incarnation && !this.#isVoid;
  }

  /** Where the issuer signs, a log does not go back within an incarnation, whoever says that it was reset. */
  #checkMayReplace({ incarnation, head, count }: SnapshotHeader): void {
    const isSigned = this.#options.verifyHead !== undefined;
    const isSameLog = isSigned ? this.#holding?.incarnation === incarnation : this.#holds(incarnation);
    if (isSameLog && head < this.#applied) {
      // An old copy from somewhere in between: taking it would forget what came since.
      throw revocationError("malformed_feed", { detail: `snapshot at ${head}, already at ${this.#applied}` });
    }
    this.#capacity.check(count);
  }

  #reach(seq: number, chain: string, signedHead: string | undefined): void {
    this.#applied = seq;
    this.#chain = chain;
    this.#newestHead.saw(this.#holding!.incarnation, seq, signedHead);
  }

  async #untilVisible(signal: AbortSignal): Promise<void> {
    const { visible } = this.#options;
    if (visible !== undefined) await unlessAborted(visible(), signal);
  }
}

/** Returns whether a stream that failed so would bring the same again. */
export const isUnreadable = (error: unknown): boolean =>
  hasCode(error, "malformed_feed") || hasCode(error, "malformed_records");
