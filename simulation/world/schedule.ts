import type { Trace } from "./trace.ts";

/** A process, as far as time is concerned. */
export interface Runner {
  readonly name: string;
  readonly isDead: boolean;
  /** True time, ms. */
  readonly pausedUntil: number;
}

export interface PlannedEvent {
  /** True time, ms. */
  readonly at: number;
  readonly what: string;
  /** Whose code runs: nothing runs in a process that is dead, and later in one that is paused. */
  readonly process?: Runner;
  /** Turns of the real event loop that the work may take to come to rest; 0 for work that is synchronous. */
  readonly turns?: number;
  readonly work: () => void | Promise<void>;
}

type Entry = PlannedEvent & { readonly order: number };

/** The one true time, and what is to happen in it. Moves from event to event; nobody ever waits. */
export class Schedule {
  readonly #heap: Entry[] = [];
  readonly #trace: Trace;
  #order = 0;
  now = 0;
  events = 0;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  plan(event: PlannedEvent): void {
    this.#push({ ...event, at: Math.max(event.at, this.now), order: this.#order++ });
  }

  /** Runs events until `end`, and `check` after every one of them. */
  async runUntil(end: number, check: () => void): Promise<void> {
    for (;;) {
      const entry = this.#heap[0];
      if (entry === undefined || entry.at > end) break;
      this.#pop();
      const { process } = entry;
      if (process?.isDead) continue;
      if (process !== undefined && process.pausedUntil > entry.at) {
        this.#push({ ...entry, at: process.pausedUntil });
        continue;
      }
      this.now = entry.at;
      await this.#run(entry);
      check();
    }
    this.now = end;
  }

  async #run(entry: Entry): Promise<void> {
    this.events++;
    this.#trace.add(`${this.now.toFixed(3)} ${entry.process?.name ?? "-"}: ${entry.what}`);
    const running = entry.work();
    if (running !== undefined) await running;
    for (let turn = entry.turns ?? 0; turn > 0; turn--) await nextTurn();
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

const isBefore = (left: Entry, right: Entry): boolean =>
  left.at < right.at || (left.at === right.at && left.order < right.order);

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
