import type { Feed } from "./feed.ts";
import type { RevocationView } from "./view.ts";

export type ReplicaState = "bootstrap" | "live" | "lagging" | "stale" | "diverged" | "closed";

export interface ReplicaChange {
  readonly state: ReplicaState;
  readonly applied: number;
}

/** What a replica tells its operator; never a key, token or credential. */
export interface ReplicaEvent {
  readonly event: string;
  readonly replica: string;
  readonly [detail: string]: unknown;
}

export interface Replica extends RevocationView {
  readonly name: string;
  readonly state: ReplicaState;
  readonly applied: number;
  readonly incarnation: string | undefined;
  start(): void;
  /** Resolves when a snapshot is applied and a lease answer has shown it to be fresh. */
  whenReady(signal?: AbortSignal): Promise<void>;
  subscribe(listener: (change: ReplicaChange) => void): () => void;
  /** Stops, and gives the lease back. */
  close(): Promise<void>;
}

export interface ReplicaOptions {
  readonly feed: Feed;
  readonly name: string;
  readonly leaseMs: number;
  readonly monotonicMs?: () => number;
  readonly nowSeconds?: () => number;
  /** Runs `work` after `delayMs`; returns the function that cancels it. */
  readonly setTimer?: (work: () => void, delayMs: number) => () => void;
  /** In [0, 1), for jitter. */
  readonly random?: () => number;
  readonly log?: (event: ReplicaEvent) => void;
}

export function createReplica(options: ReplicaOptions): Replica {
  throw new Error(`the replica ${options.name} is being built`);
}
