import type { Clock, ClockReport, IssuerTime, Log, SetTimer, SignedHeadClaims } from "@portcullis/protocol";
import type { DecodedBatch, Feed } from "../feed.ts";
import type { IndexStatistics, RevocationIndex, RevocationIndexOptions } from "../revocation-index.ts";
import type { RevocationView } from "../view.ts";
import type { ReplicaChange, ReplicaState } from "./announcer.ts";
import type { ClockBounds } from "./issuer-clock.ts";
import type { CheckedSnapshot } from "./load-snapshot.ts";

export interface Replica extends RevocationView {
  readonly name: string;
  readonly state: ReplicaState;
  readonly applied: number;
  readonly incarnation: string | undefined;
  /** Returns this machine's wall clock against the issuer's; undefined until the issuer's time is known. */
  clock(): ClockReport | undefined;
  /** Returns what the issuer's wall clock shows at this moment, for whoever passes it on. */
  issuerTime(): IssuerTime | undefined;
  /** Returns what the wall clock minus the monotonic one must lie between, milliseconds, for anything to be allowed. */
  clockBounds(): ClockBounds;
  start(): void;
  /** Resolves when a snapshot is applied, a lease answer has shown it to be fresh, and the clock is right. */
  whenReady(signal?: AbortSignal): Promise<void>;
  subscribe(listener: (change: ReplicaChange) => void): () => void;
  statistics(): IndexStatistics;
  /** The issuer's word by which the lease that is in force was given, for whoever passes leases on. */
  readonly signedHead: string | undefined;
  /** Fetches a snapshot and checks it as one that would be taken, for whoever passes it on. Rejects as the feed does, and for what is wrong with it. */
  fetchSnapshot(signal: AbortSignal): Promise<CheckedSnapshot>;
  /** Asks for its lease again now, and not when it is due. While a call is under way it does nothing. */
  renew(): void;
  /** Stops, and gives the lease back. */
  close(): Promise<void>;
}

export interface ReplicaOptions {
  readonly feed: Feed;
  /** Unique for the life of the process: leases are held under it. */
  readonly name: string;
  /** 32 bytes as base64url, known to this process alone: its lease is held by it. Default: random ones. */
  readonly secret?: string | undefined;
  /** How long this replica may say "allow" without word from the log; what is granted may be less. */
  readonly leaseMs: number;
  /** Default: the system's. The wall clock is compared with the issuer's; all else is measured on the monotonic one. */
  readonly clock?: Clock | undefined;
  readonly setTimer?: SetTimer | undefined;
  /** In [0, 1), for jitter. */
  readonly random?: (() => number) | undefined;
  /** Told what happens; a pino logger is one. Never a key, token or credential. Default: nobody is told. */
  readonly log?: Log | undefined;
  /**
   * Checks the issuer's signature on a head (protocol/signed-head.ts) and gives its claims. With it nothing is applied
   * that the issuer has not signed: give it whenever others than the issuer carry the feed.
   */
  readonly verifyHead?: ((jws: string) => Promise<SignedHeadClaims>) | undefined;
  /** Makes the index of a snapshot, for one that lives elsewhere than in this thread's memory. */
  readonly createIndex?: ((options: RevocationIndexOptions) => RevocationIndex) | undefined;
  /** Awaited when records are in the index and not yet acknowledged: until all that read the index see them. */
  readonly visible?: (() => Promise<void>) | undefined;
  /**
   * Told of everything that was checked and is in the index, before it is acknowledged and while `applied` is still the
   * old one; a batch comes cut to what is new. If it throws, nothing is acknowledged, and it comes again.
   */
  readonly onApplied?: ((change: AppliedChange) => void) | undefined;
  /** Called when a lease call has been answered or is due: `freshness()` may say something else than before. */
  readonly onFreshness?: (() => void) | undefined;
  /** What the index may hold. Beyond it nothing more is applied: the replica falls behind, and says so. */
  readonly maxEntries?: number | undefined;
}

export type AppliedChange =
  | ({ readonly type: "snapshot" } & Pick<CheckedSnapshot, "bytes" | "header" | "records" | "signedHead">)
  | { readonly type: "batch"; readonly batch: DecodedBatch };

type Environment = "secret" | "clock" | "setTimer" | "random" | "log" | "maxEntries";

/** With every default filled in. */
export type ResolvedReplicaOptions = ReplicaOptions & {
  readonly [Name in Environment]-?: NonNullable<ReplicaOptions[Name]>;
};
