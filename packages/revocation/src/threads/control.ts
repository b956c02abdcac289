import { type ClockBounds, NO_BOUNDS } from "../replica/issuer-clock.ts";

/**
 * The few words that all threads look at. One word holds both the number of what was last published and the number of
 * the lease in force, 16 bits each, so that one atomic read tells of both as of one moment. Leases lie in a ring, so
 * that the one that was read can be looked up when the next is already in force.
 */
const STATE = 0;
const NUMBERS = 0x1_0000;
/** Bytes before the ring. */
const RING_AT = 8;
const RING_LEASES = 256;
const LEASE_NUMBERS = 4;

export interface SharedLease {
  /** On the clock of thread-clock.ts; -Infinity without a lease. */
  readonly askedAt: number;
  readonly leaseMs: number;
  /** On that clock too; the wall clock is the same in all threads. */
  readonly clock: ClockBounds;
}

export const NO_LEASE: SharedLease = { askedAt: Number.NEGATIVE_INFINITY, leaseMs: 0, clock: NO_BOUNDS };

/** Returns how far the first number is ahead; both go round after 65,536. Right as long as that is under half of them. */
export const ahead = (number: number, of: number): number => ((number - of) << 16) >> 16;

export function controlMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(RING_AT + RING_LEASES * LEASE_NUMBERS * Float64Array.BYTES_PER_ELEMENT);
}

export const publicationOf = (state: number): number => state >>> 16;
export const leaseNumberOf = (state: number): number => state & (NUMBERS - 1);

export class ControlWriter {
  readonly #words: Int32Array;
  readonly #ring: Float64Array;
  #publication = 0;
  #lease = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, 1);
    this.#ring = new Float64Array(memory, RING_AT);
    this.grant(NO_LEASE);
  }

  get publication(): number {
    return this.#publication;
  }

  nextPublication(): number {
    return (this.#publication + 1) % NUMBERS;
  }

  /** Publishes: everything that was written before, by this thread, is seen by who reads the state from now on. */
  publish(publication: number): void {
    this.#publication = publication;
    this.#store();
  }

  grant({ askedAt, leaseMs, clock }: SharedLease): void {
    this.#lease = (this.#lease + 1) % NUMBERS;
    const at = (this.#lease % RING_LEASES) * LEASE_NUMBERS;
    this.#ring[at] = askedAt;
    this.#ring[at + 1] = leaseMs;
    this.#ring[at + 2] = clock.fromMs;
    this.#ring[at + 3] = clock.toMs;
    this.#store();
  }

  #store(): void {
    Atomics.store(this.#words, STATE, (this.#publication << 16) | this.#lease);
  }
}

export class ControlReader {
  readonly #words: Int32Array;
  readonly #ring: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, 1);
    this.#ring = new Float64Array(memory, RING_AT);
  }

  state(): number {
    return Atomics.load(this.#words, STATE);
  }

  /** Returns that lease; none when it was so long ago that another has taken its place in the ring. */
  lease(number: number): SharedLease {
    const at = (number % RING_LEASES) * LEASE_NUMBERS;
    const clock = { fromMs: this.#ring[at + 2]!, toMs: this.#ring[at + 3]! };
    const lease = { askedAt: this.#ring[at]!, leaseMs: this.#ring[at + 1]!, clock };
    const passed = (leaseNumberOf(this.state()) - number + NUMBERS) % NUMBERS;
    return passed < RING_LEASES - 1 ? lease : NO_LEASE;
  }
}
