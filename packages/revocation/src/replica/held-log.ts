import {
  hasCode,
  type LeaseRequest,
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
import { checkBatch } from "./check-batch.ts";
import type { Position } from "./lease-keeper.ts";
import { LiveReport } from "./live-report.ts";
import { type LoadedSnapshot, loadSnapshot } from "./load-snapshot.ts";
import { NewestHead } from "./newest-head.ts";
import type { ResolvedReplicaOptions } from "./replica.ts";

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

/**
 * What a replica holds of the log: everything up to `applied`, and the value of the chain there. It changes only by what
 * was checked whole, and at once; what is no good leaves it as it was.
 */
export class HeldLog {
  readonly #options: HeldLogOptions;
  readonly #newestHead = new NewestHead();
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

  evidence(): Pick<LeaseRequest, "live" | "signedHead"> {
    const live = this.#holding && this.#liveReport.due(this.#holding.live);
    const signedHead = this.#newestHead.jws;
    return { ...(live && { live }), ...(signedHead !== undefined && { signedHead }) };
  }

  evidenceWasJudged(): void {
    this.#newestHead.judged();
  }

  /** Returns a snapshot that may be swapped in: checked, loaded and visible to all reading threads. */
  async load(bytes: Uint8Array, signal: AbortSignal): Promise<LoadedSnapshot> {
    const accept = (header: SnapshotHeader) => this.#checkMayReplace(header);
    const { clock, verifyHead, createIndex } = this.#options;
    const loaded = await loadSnapshot(bytes, { clock, verifyHead, createIndex, signal, accept });
    await this.#untilVisible(signal);
    signal.throwIfAborted();
    return loaded;
  }

  /**
   * Swaps it in, within one turn. Returns false when it is another log than before, so that no lease on that one holds any
   * more.
   */
  swapIn({ header, records, hashKey, index, live }: LoadedSnapshot): boolean {
    this.#checkMayReplace(header);
    const { incarnation, head, chain, signedHead, clockSkewSeconds } = header;
    this.#options.onApplied?.({ type: "snapshot", header, records });
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
    if (batch.incarnation !== incarnation) {
      throw revocationError("feed_conflict", { detail: "other_incarnation" });
    }
    if (batch.to <= this.#applied) return false;
    const at = { incarnation, seq: this.#applied, chain: this.#chain };
    const fresh = await checkBatch(batch, at, { verifyHead: this.#options.verifyHead, signal });
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

  #checkMayReplace({ incarnation, head, count }: SnapshotHeader): void {
    if (this.#holds(incarnation) && head < this.#applied) {
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
