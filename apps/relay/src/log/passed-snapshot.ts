import type { CheckedSnapshot } from "@portcullis/revocation";

interface PassedSnapshotOptions {
  /** Fetches and checks one from above. */
  readonly fetchSnapshot: (signal: AbortSignal) => Promise<CheckedSnapshot>;
  /** How much the log has grown since seq `head`. */
  readonly grownSince: (head: number) => number;
  readonly head: () => number;
  /** Another one is given out from now on. */
  readonly onRenewed: (head: number) => void;
}

type Passed = Pick<CheckedSnapshot, "bytes" | "header">;

/** A verifier that starts reads so many records of the stream at least before another snapshot is worth its bytes. */
const LEAST_GROWTH = 10_000;

/**
 * The snapshot that a relay gives out: one that the issuer has made and signed, byte for byte. A relay has no key, and nobody believes a
 * list that it has put together itself. Whoever starts goes on from its head by the stream, so all of the log since then is kept; and once that
 * is more than the snapshot itself, another one is fetched.
 */
export class PassedSnapshot {
  readonly #options: PassedSnapshotOptions;
  readonly counters = { renewed: 0 };
  readonly #life = new AbortController();
  #current: Passed;
  /** Newer than the log here, which has yet to hear of its head. */
  #next: Passed | undefined;
  #isFetching = false;

  constructor(first: Passed, options: PassedSnapshotOptions) {
    this.#current = first;
    this.#options = options;
  }

  get head(): number {
    return this.#current.header.head;
  }

  /** Of its records, expired ones too. */
  get count(): number {
    return this.#current.header.count;
  }

  async get(): Promise<Uint8Array> {
    return this.#current.bytes;
  }

  /** Called now and then. Rejects when there is none to be had: the old one goes on, and the log since then is kept. */
  async renewIfGrown(): Promise<void> {
    this.adoptNext();
    const { count } = this.#current.header;
    const isDue = this.#options.grownSince(this.head) > Math.max(LEAST_GROWTH, count);
    if (!isDue || this.#isFetching || this.#next !== undefined) return;
    this.#isFetching = true;
    try {
      this.#take(await this.#options.fetchSnapshot(this.#life.signal));
    } finally {
      this.#isFetching = false;
    }
  }

  /** After the log has grown. */
  adoptNext(): void {
    const next = this.#next;
    if (next === undefined || next.header.head > this.#options.head()) return;
    this.#next = undefined;
    this.#current = next;
    this.counters.renewed++;
    this.#options.onRenewed(next.header.head);
  }

  close(): void {
    this.#life.abort();
  }

  #take({ bytes, header }: Passed): void {
    // Of another log: the replica will have to take it itself. Or no newer than this one.
    if (header.incarnation !== this.#current.header.incarnation || header.head <= this.head) return;
    this.#next = { bytes, header };
    this.adoptNext();
  }
}
