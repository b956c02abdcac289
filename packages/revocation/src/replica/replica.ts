import type { ClockReport, IssuerTime, SignedHeadClaims, SnapshotHeader } from "@portcullis/protocol";
import type { DecodedBatch, Feed } from "../feed.ts";
import type { IndexStatistics, RevocationIndex, RevocationIndexOptions } from "../revocation-index.ts";
import type { SetTimer } from "../timers.ts";
import type { RevocationView } from "../view.ts";
import type { ReplicaChange, ReplicaEvent, ReplicaState } from "./announcer.ts";
import type { ClockBounds } from "./issuer-clock.ts";

export interface Replica extends RevocationView {
  readonly name: string;
  readonly state: ReplicaState;
  readonly applied: number;
  readonly incarnation: string | undefined;
  /** This machine's wall clock against the issuer's; undefined until the issuer's time is known. */
  clock(): ClockReport | undefined;
  /** What the issuer's wall clock shows at this moment, for whoever passes it on. */
  issuerTime(): IssuerTime | undefined;
  /** What the wall clock minus the monotonic one must lie between, milliseconds, for anything to be allowed. */
  clockBounds(): ClockBounds;
  start(): void;
  /** Resolves when a snapshot is applied, a lease answer has shown it to be fresh, and the clock is right. */
  whenReady(signal?: AbortSignal): Promise<void>;
  subscribe(listener: (change: ReplicaChange) => void): () => void;
  statistics(): IndexStatistics;
  /** Asks for its lease again now, and not when it is due. While a call is under way it does nothing. */
  renew(): void;
  /** Stops, and gives the lease back. */
  close(): Promise<void>;
}

export interface ReplicaOptions {
  readonly feed: Feed;
  /** Unique for the life of the process: leases are held under it. */
  readonly name: string;
  /** How long this replica may say "allow" without word from the log; what is granted may be less. */
  readonly leaseMs: number;
  readonly monotonicMs?: () => number;
  readonly nowSeconds?: () => number;
  readonly setTimer?: SetTimer;
  /** In [0, 1), for jitter. */
  readonly random?: () => number;
  readonly log?: (event: ReplicaEvent) => void;
  /**
   * Checks the issuer's signature on a head (protocol/signed-head.ts) and gives its claims. With it nothing is applied
   * that the issuer has not signed: give it whenever others than the issuer carry the feed.
   */
  readonly verifyHead?: (jws: string) => Promise<SignedHeadClaims>;
  /** Makes the index of a snapshot, for one that lives elsewhere than in this thread's memory. */
  readonly createIndex?: (options: RevocationIndexOptions) => RevocationIndex;
  /** Awaited when records are in the index and not yet acknowledged: until all that read the index see them. */
  readonly visible?: () => Promise<void>;
  /**
   * Told of everything that was checked and is in the index, before it is acknowledged and while `applied` is still the
   * old one; a batch comes cut to what is new. If it throws, nothing is acknowledged, and it comes again.
   */
  readonly onApplied?: (change: AppliedChange) => void;
  /** Called when a lease call has been answered or is due: `freshness()` may say something else than before. */
  readonly onFreshness?: () => void;
  /** What the index may hold. Beyond it nothing more is applied: the replica falls behind, and says so. */
  readonly mostEntries?: number;
}

export type AppliedChange =
  | { readonly type: "snapshot"; readonly header: SnapshotHeader; readonly records: Uint8Array }
  | { readonly type: "batch"; readonly batch: DecodedBatch };

type Environment = "monotonicMs" | "nowSeconds" | "setTimer" | "random" | "log";

/** With clock, timers and chance filled in. */
export type ResolvedReplicaOptions = ReplicaOptions & Required<Pick<ReplicaOptions, Environment>>;
