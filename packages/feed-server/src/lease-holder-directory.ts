import type { LeaseHolder } from "./lease-table.ts";

/** A lease holder as a restart finds it. */
export interface KnownLeaseHolder {
  readonly holder: LeaseHolder;
  /** Longest lease that it was granted. */
  readonly leaseMs: number;
  /** SHA-256 of what its process alone knows; undefined of a lease from before there were such secrets. */
  readonly secretHash: string | undefined;
}

/** Port: the names of all lease holders, kept where a restart finds them. */
export interface LeaseHolderDirectory {
  all(): Promise<KnownLeaseHolder[]>;
  /** Resolves once the name is on disk: before that nobody may grant to it. */
  enter(holder: KnownLeaseHolder): Promise<void>;
  /** `gone` is asked when it is this write's turn: a lease holder may have come back while it waited. */
  leave(gone: () => readonly LeaseHolder[]): Promise<void>;
}
