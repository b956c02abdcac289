import { type Log, PortcullisError } from "@portcullis/protocol";

/**
 * `bootstrap` until the first snapshot is applied and a lease answer has shown that it is fresh; `live`; `lagging`
 * when the log is known to hold more than the index; `stale` when the lease has run out; `diverged` when the log
 * is not the one that the index was built from, and a new snapshot is under way; `outdated` when the log holds a record of a
 * kind that this version does not know, so that nothing may be allowed; `clock_off` when the wall clock is off from the
 * issuer's by more than the skew; `closed`.
 */
export type ReplicaState =
  | "bootstrap"
  | "live"
  | "lagging"
  | "stale"
  | "diverged"
  | "outdated"
  | "clock_off"
  | "closed";

export interface ReplicaChange {
  readonly state: ReplicaState;
  readonly applied: number;
}

/** What a replica tells its operator of, and how urgent each is. Never a key, token or credential. */
const EVENTS = {
  state: "info",
  snapshot_applied: "info",
  snapshot_needed: "info",
  clock_right: "info",
  snapshot_failed: "warn",
  stream_ended: "warn",
  lease_failed: "warn",
  diverged: "warn",
  capacity_alarm: "warn",
  capacity_reached: "error",
  outdated: "error",
  clock_off: "error",
} as const satisfies Record<string, keyof Log>;

type ReplicaEventName = keyof typeof EVENTS;
export type ReportEvent = (event: ReplicaEventName, detail: object) => void;

/** Tells listeners and the operator's log of changes. Who listens must not be able to stop the replica. */
export class Announcer {
  readonly #name: string;
  readonly #log: Log;
  readonly #listeners = new Set<(change: ReplicaChange) => void>();
  readonly #verdictListeners = new Set<() => void>();
  #last: ReplicaChange = { state: "bootstrap", applied: 0 };

  constructor(name: string, log: Log) {
    this.#name = name;
    this.#log = log;
  }

  subscribe(listener: (change: ReplicaChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onVerdicts(listener: () => void): () => void {
    this.#verdictListeners.add(listener);
    return () => this.#verdictListeners.delete(listener);
  }

  /** Tells that what was allowed may be denied from here on. */
  verdictsChanged(): void {
    for (const listener of this.#verdictListeners) guarded(listener);
  }

  announce(change: ReplicaChange): void {
    const last = this.#last;
    if (change.state === last.state && change.applied === last.applied) return;
    this.#last = change;
    if (change.state !== last.state) this.report("state", change);
    for (const listener of this.#listeners) guarded(() => listener(change));
  }

  report(event: ReplicaEventName, detail: object): void {
    guarded(() => this.#log[EVENTS[event]]({ event, replica: this.#name, ...detail }));
  }

  /** Tells what may be logged of an error: its code and texts, not what it carries. */
  reportError(event: ReplicaEventName, error: unknown): void {
    if (!(error instanceof PortcullisError)) {
      this.report(event, { error: error instanceof Error ? error.message : String(error) });
      return;
    }
    const { code, detail, message } = error;
    const cause = error.cause instanceof Error ? error.cause.message : undefined;
    this.report(event, { code, message, ...(detail && { detail }), ...(cause && { cause }) });
  }
}

function guarded(tell: () => void): void {
  try {
    tell();
  } catch {
    // Theirs to report; there is nobody else to tell.
  }
}
