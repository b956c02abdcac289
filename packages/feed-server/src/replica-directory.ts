import type { Holder } from "./lease-table.ts";

export interface KnownReplica {
  readonly holder: Holder;
  /** Longest lease that it was granted. */
  readonly leaseMs: number;
}

/** Port: the names of all that may hold a lease, kept where a restart finds them. */
export interface ReplicaDirectory {
  all(): Promise<KnownReplica[]>;
  /** Resolves once the name is on disk: before that nobody may grant to it. */
  enter(replica: KnownReplica): Promise<void>;
  /** `gone` is asked when it is this write's turn: a holder may have come back while it waited. */
  leave(gone: () => readonly Holder[]): Promise<void>;
}
