import type { Bed, BedKind } from "../bed/bed.ts";
import type { Allowances } from "../checker/checker.ts";

/** What a fault is given in each of its rounds. */
export interface Scene {
  readonly bed: Bed;
  /** From 0. Even and odd rounds strike different servers, where there are two. */
  readonly round: number;
  /** Lets the load go on for a while. Rejects when the run is told to end. */
  hold(ms: number): Promise<void>;
}

export interface Fault {
  /** For the command line, and of the file with its results. */
  readonly name: string;
  readonly title: string;
  /** One sentence: what must hold. */
  readonly expected: string;
  readonly bed: BedKind;
  /** Namespaces, packet filter, mounts: for root only. */
  readonly needsRoot?: boolean;
  /** Once before its rounds; gives what takes it back after them. */
  readonly prepare?: (bed: Bed) => Promise<() => Promise<void> | void>;
  readonly allowances?: (scene: Scene) => Allowances;
  /** Causes the fault and mends it: all servers run when this resolves, also when it rejects. */
  readonly strike: (scene: Scene) => Promise<void>;
}

/** This round's one of two. */
export function turnOf<T>(of: readonly T[], round: number): T {
  return of[round % of.length]!;
}
