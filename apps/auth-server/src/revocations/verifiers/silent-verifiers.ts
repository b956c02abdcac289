import type { Lease } from "@portcullis/feed-server";
import type { Clock, Log } from "@portcullis/protocol";

/** So long a verifier may renew its lease without acknowledging what was the head then. */
const PATIENCE_MS = 10_000;

interface SilentVerifiersOptions {
  readonly held: () => readonly Lease[];
  readonly head: () => number;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly operatorLog: Pick<Log, "warn">;
}

interface Due {
  /** What it is waited for. */
  readonly seq: number;
  /** Monotonic. */
  readonly since: number;
  isTold: boolean;
}

/**
 * Finds verifiers that hold a lease, renew it, and acknowledge nothing: each receipt waits for them until its last lease of
 * before the commit has run out. Named once with client and address, so that an operator can suspend them.
 */
export class SilentVerifiers {
  readonly #options: SilentVerifiersOptions;
  #due = new Map<string, Due>();

  constructor(options: SilentVerifiersOptions) {
    this.#options = options;
  }

  /** Called each second. */
  look(): void {
    const before = this.#due;
    this.#due = new Map();
    const head = this.#options.head();
    const now = this.#options.clock.monotonicMs();
    for (const lease of this.#options.held()) {
      const due = before.get(lease.key);
      if (due !== undefined && lease.applied < due.seq) this.#due.set(lease.key, due);
      else if (lease.applied < head) this.#due.set(lease.key, { seq: head, since: now, isTold: false });
      this.#tell(lease, now);
    }
  }

  get count(): number {
    return [...this.#due.values()].filter(({ isTold }) => isTold).length;
  }

  #tell({ key, holder, address, applied }: Lease, now: number): void {
    const due = this.#due.get(key);
    if (due === undefined || due.isTold || now - due.since < PATIENCE_MS) return;
    due.isTold = true;
    const event = "verifier_does_not_acknowledge";
    this.#options.operatorLog.warn({ event, ...holder, address, applied, seq: due.seq });
  }
}
