import { feedError, keyOfLeaseHolder } from "@portcullis/feed-server";
import type { Clock } from "@portcullis/protocol";
import type { DirectoryWrite, RowChange, RowLeave, SharedDirectory } from "./shared-directory.ts";

export interface RowWriterOptions {
  readonly directory: Pick<SharedDirectory, "write">;
  readonly clock: Pick<Clock, "monotonicMs">;
  /** The row was there when a write that began at `writtenAt`, monotonic, was committed. */
  readonly onStored: (change: RowChange, writtenAt: number) => void;
  /** It was to be renewed and is gone, or another process's: another server has deleted it or given it away. */
  readonly onGone: (key: string) => void;
}

interface Batch {
  readonly enter: Map<string, RowChange>;
  readonly renew: Map<string, RowChange>;
  readonly leave: Map<string, RowLeave>;
  /** Resolves with the keys of rows that are another process's. */
  readonly done: Promise<ReadonlySet<string>>;
  readonly settle: { resolve(taken: ReadonlySet<string>): void; reject(error: unknown): void };
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

  /**
   * Resolves once the row is committed, by a write that began after this call. Throws `lease_of_another_process` when it
   * is another process's, or another one of that name waits to enter.
   */
  async enter(change: RowChange): Promise<void> {
    const { enter, renew, leave } = this.#next;
    const key = keyOfLeaseHolder(change.holder);
    const before = enter.get(key);
    if (before !== undefined && before.secretHash !== change.secretHash)
      throw feedError("lease_of_another_process");
    const longest = Math.max(change.leaseMs, before?.leaseMs ?? 0);
    enter.set(key, { ...change, leaseMs: longest });
    renew.delete(key);
    // It had run out before this, or was given back by the same process: whoever is here now is here.
    if ((leave.get(key)?.secretHash ?? change.secretHash) === change.secretHash) leave.delete(key);
    if ((await this.#write()).has(key)) throw feedError("lease_of_another_process");
  }

  async renew(changes: readonly RowChange[]): Promise<void> {
    const { enter, renew, leave } = this.#next;
    for (const change of changes) {
      const key = keyOfLeaseHolder(change.holder);
      if (!enter.has(key) && !leave.has(key)) renew.set(key, change);
    }
    if (renew.size > 0) await this.#write();
  }

  async leave(row: RowLeave): Promise<void> {
    const { enter, renew, leave } = this.#next;
    const { renewal, secretHash } = row;
    const key = keyOfLeaseHolder(row.holder);
    // This process waits to be granted a lease under that name: a row too many only makes receipts wait.
    const entering = enter.get(key);
    if (entering !== undefined && (secretHash === undefined || secretHash === entering.secretHash)) return;
    // It came back after it was seen to be gone.
    if (renewal !== undefined && renew.has(key)) return;
    renew.delete(key);
    leave.set(key, row);
    await this.#write();
  }

  #write(): Promise<ReadonlySet<string>> {
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

  async #writeBatch(batch: Batch): Promise<ReadonlySet<string>> {
    const { directory, clock, onStored, onGone } = this.#options;
    const writtenAt = clock.monotonicMs();
    const change: DirectoryWrite = {
      enter: [...batch.enter.values()],
      renew: [...batch.renew.values()],
      leave: [...batch.leave.values()],
    };
    const written = await directory.write(change);
    const gone = new Set([...written.gone, ...written.taken]);
    for (const { holder } of change.renew) {
      if (gone.has(keyOfLeaseHolder(holder))) onGone(keyOfLeaseHolder(holder));
    }
    for (const row of [...change.enter, ...change.renew]) {
      if (!gone.has(keyOfLeaseHolder(row.holder))) onStored(row, writtenAt);
    }
    return new Set(written.taken);
  }
}

const isEmpty = ({ enter, renew, leave }: Batch): boolean => enter.size + renew.size + leave.size === 0;

function newBatch(): Batch {
  const { promise, resolve, reject } = Promise.withResolvers<ReadonlySet<string>>();
  // Some who write do not wait for it.
  promise.catch(() => undefined);
  return { enter: new Map(), renew: new Map(), leave: new Map(), done: promise, settle: { resolve, reject } };
}
