import type { Feed } from "../feed.ts";
import type { IndexStatistics } from "../revocation-index.ts";
import type { SetTimer } from "../timers.ts";
import type { RevocationView } from "../view.ts";
import type { ReplicaChange, ReplicaEvent, ReplicaState } from "./announcer.ts";

export interface Replica extends RevocationView {
  readonly name: string;
  readonly state: ReplicaState;
  readonly applied: number;
  readonly incarnation: string | undefined;
  start(): void;
  /** Resolves when a snapshot is applied and a lease answer has shown it to be fresh. */
  whenReady(signal?: AbortSignal): Promise<void>;
  subscribe(listener: (change: ReplicaChange) => void): () => void;
  statistics(): IndexStatistics;
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
}
