/**
 * Expiry without deleting: entries go into the newest generation, and a generation is dropped whole once no
 * record in it can matter any more.
 *
 * That moment is asked of two clocks, and both must agree. The wall clock must be past every `expiresAt`, or a
 * verifier whose clock is slow would forget what it still accepts. And as much time must have passed on the
 * monotonic clock, since the record came in, as the log gave it to live; or a wall clock that jumps ahead and
 * back would lose live records.
 */
export interface Moment {
  readonly wallSeconds: number;
  readonly monotonicSeconds: number;
}

interface Countable {
  readonly count: number;
  readonly bytes: number;
}

export class Generation<Table extends Countable> {
  readonly table: Table;
  readonly openedAt: number;
  /** Which (scope, mode) pairs have a record here: a verdict passes over tables that cannot matter to it. */
  kinds = 0;
  #wallEnd = 0;
  #monotonicEnd = 0;

  constructor(table: Table, now: Moment) {
    this.table = table;
    this.openedAt = now.monotonicSeconds;
  }

  retain(record: { readonly revokedAt: number; readonly expiresAt: number }, now: Moment): void {
    const monotonicEnd = now.monotonicSeconds + Math.max(0, record.expiresAt - record.revokedAt);
    if (record.expiresAt > this.#wallEnd) this.#wallEnd = record.expiresAt;
    if (monotonicEnd > this.#monotonicEnd) this.#monotonicEnd = monotonicEnd;
  }

  /**
   * Returns whether no record in it can matter any more. An empty one is not over: there is nothing to win by dropping it.
   */
  isOver(now: Moment): boolean {
    return (
      this.table.count > 0 && now.wallSeconds > this.#wallEnd && now.monotonicSeconds > this.#monotonicEnd
    );
  }
}

/** Two generations, the newer of which takes what comes; they change places when it has had its span. */
export class Rotation<Table extends Countable> {
  readonly #create: () => Table;
  readonly #spanSeconds: number;
  current: Generation<Table>;
  previous: Generation<Table> | undefined;

  constructor(create: () => Table, spanSeconds: number, now: Moment) {
    this.#create = create;
    this.#spanSeconds = spanSeconds;
    this.current = new Generation(create(), now);
  }

  /**
   * Drops what is over. A previous generation that still lives holds the turn up: memory grows, but nothing live is
   * dropped.
   */
  turn(now: Moment): void {
    if (this.previous?.isOver(now)) this.previous = undefined;
    if (this.previous !== undefined || this.current.table.count === 0) return;
    if (this.current.isOver(now)) this.current = new Generation(this.#create(), now);
    if (this.current.table.count === 0 || now.monotonicSeconds < this.current.openedAt + this.#spanSeconds)
      return;
    this.previous = this.current;
    this.current = new Generation(this.#create(), now);
  }

  get kinds(): number {
    return this.current.kinds | (this.previous?.kinds ?? 0);
  }

  get count(): number {
    return this.current.table.count + (this.previous?.table.count ?? 0);
  }

  get bytes(): number {
    return this.current.table.bytes + (this.previous?.table.bytes ?? 0);
  }
}

/** A generation for every stretch of `exp`: a token is only looked up among those that expire when it does. */
export class ExpiryBuckets<Table extends Countable> {
  readonly #create: () => Table;
  readonly widthSeconds: number;
  readonly #buckets = new Map<number, Generation<Table>>();

  constructor(create: () => Table, widthSeconds: number) {
    this.#create = create;
    this.widthSeconds = widthSeconds;
  }

  find(tokenExpiresAt: number): Generation<Table> | undefined {
    if (this.#buckets.size === 0) return undefined;
    return this.#buckets.get(stretchOf(tokenExpiresAt, this.widthSeconds));
  }

  /**
   * Returns the generation of that `exp`; undefined when there are too many already: such a record belongs where every
   * token is looked up.
   */
  findOrOpen(tokenExpiresAt: number, now: Moment): Generation<Table> | undefined {
    const found = this.find(tokenExpiresAt);
    if (found !== undefined || this.#buckets.size >= MAX_BUCKETS) return found;
    const opened = new Generation(this.#create(), now);
    this.#buckets.set(stretchOf(tokenExpiresAt, this.widthSeconds), opened);
    return opened;
  }

  /** By the number of their stretch. */
  [Symbol.iterator](): Iterator<[number, Generation<Table>]> {
    return this.#buckets.entries();
  }

  turn(now: Moment): void {
    for (const [id, bucket] of this.#buckets) if (bucket.isOver(now)) this.#buckets.delete(id);
  }

  get count(): number {
    return total(this.#buckets.values(), (table) => table.count);
  }

  get bytes(): number {
    return total(this.#buckets.values(), (table) => table.bytes);
  }
}

const MAX_BUCKETS = 64;

export const stretchOf = (tokenExpiresAt: number, widthSeconds: number): number =>
  Math.floor(tokenExpiresAt / widthSeconds);

function total<Table extends Countable>(
  generations: Iterable<Generation<Table>>,
  of: (table: Table) => number,
): number {
  let sum = 0;
  for (const { table } of generations) sum += of(table);
  return sum;
}
