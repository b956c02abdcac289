import { keyOfLeaseHolder, type LeaseHolder } from "@portcullis/feed-server";
import type { Clock } from "@portcullis/protocol";
import type { DirectoryWrite, RowChange, SharedDirectory } from "./shared-directory.ts";

export interface RowWriterOptions {
  readonly directory: Pick<SharedDirectory, "write">;
  readonly clock: Pick<Clock, "monotonicMs">;
  /** The row was there when a write that began at `writtenAt`, monotonic, was committed. */
  readonly onStored: (change: RowChange, writtenAt: number) => void;
  /** It was to be renewed and is gone: another server has deleted it. */
  readonly onGone: (key: string) => void;
}

interface Batch {
  readonly enter: Map<string, RowChange>;
  readonly renew: Map<string, RowChange>;
  readonly leave: Map<string, { readonly holder: LeaseHolder; readonly renewal?: number }>;
  readonly done: Promise<void>;
  readonly settle: { resolve(): void; reject(error: unknown): void };
}

/**
 * Writes rows of the directory, one transaction at a time, in which all share that came while the one before was under
 * way. One at a time also because two transactions of this server that wrote the same rows in another order would
 * wait for each other.
 */
export class RowWriter {
  readonly #options: RowWriterOptions;
  #next: Batch = newBatch();
  #writing: Promise<void> | undefined;

  constructor(options: RowWriterOptions) {
    this.#options = options;
  }

  /** Resolves once the row is committed, by a write that began after this call. */
  enter(change: RowChange): Promise<void> {
    const { enter, renew, leave } = this.#next;
    const key = keyOfLeaseHolder(change.holder);
    const longest = Math.max(change.leaseMs, enter.get(key)?.leaseMs ?? 0);
    enter.set(key, { ...change, leaseMs: longest });
    renew.delete(key);
    // It was given back, or had run out, before this: whoever is here now is here.
    leave.delete(key);
    return this.#write();
  }

  renew(changes: readonly RowChange[]): Promise<void> {
    const { enter, renew, leave } = this.#next;
    for (const change of changes) {
      const key = keyOfLeaseHolder(change.holder);
      if (!enter.has(key) && !leave.has(key)) renew.set(key, change);
    }
    return renew.size === 0 ? Promise.resolve() : this.#write();
  }

  leave(holder: LeaseHolder, renewal?: number): Promise<void> {
    const { enter, renew, leave } = this.#next;
    const key = keyOfLeaseHolder(holder);
    // Somebody waits to be granted a lease under that name: a row too many only makes receipts wait.
    if (enter.has(key)) return Promise.resolve();
    // It came back after it was seen to be gone.
    if (renewal !== undefined && renew.has(key)) return Promise.resolve();
    renew.delete(key);
    leave.set(key, renewal === undefined ? { holder } : { holder, renewal });
    return this.#write();
  }

  #write(): Promise<void> {
    const { done } = this.#next;
    this.#writing ??= this.#drain();
    return done;
  }

  async #drain(): Promise<void> {
    // By the end of this turn all that has arrived is in the batch.
    await Promise.resolve();
    while (!isEmpty(this.#next)) {
      const batch = this.#next;
      this.#next = newBatch();
      await this.#writeBatch(batch).then(batch.settle.resolve, batch.settle.reject);
    }
    this.#writing = undefined;
  }

  async #writeBatch(batch: Batch): Promise<void> {
    const { directory, clock, onStored, onGone } = this.#options;
    const writtenAt = clock.monotonicMs();
    const change: DirectoryWrite = {
      enter: [...batch.enter.values()],
      renew: [...batch.renew.values()],
      leave: [...batch.leave.values()],
    };
    const gone = new Set(await directory.write(change));
    for (const key of gone) onGone(key);
    for (const row of [...change.enter, ...change.renew]) {
      if (!gone.has(keyOfLeaseHolder(row.holder))) onStored(row, writtenAt);
    }
  }
}

const isEmpty = ({ enter, renew, leave }: Batch): boolean => enter.size + renew.size + leave.size === 0;

function newBatch(): Batch {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Some who write do not wait for it.
  promise.catch(() => undefined);
  return { enter: new Map(), renew: new Map(), leave: new Map(), done: promise, settle: { resolve, reject } };
}
