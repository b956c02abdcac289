import { countedFor, keyOfLeaseHolder, type LeaseHolder } from "@portcullis/feed-server";
import type { ClockReport } from "@portcullis/protocol";
import { ROW_TRUSTED_MS } from "./known-rows.ts";
import type { RowReport } from "./shared-directory.ts";

/** The last call of a lease holder to this server. */
export interface Call {
  readonly holder: LeaseHolder;
  readonly secretHash: string;
  readonly address: string | undefined;
  /** The head when its holder came. */
  readonly since: number;
  readonly leaseMs: number;
  /** Monotonic. */
  readonly receivedAt: number;
  readonly report: RowReport;
  /** What it measured of its wall clock: said again at every call, so it is not written down. */
  readonly clock?: ClockReport | undefined;
}

/** Who called this server, and what of it is in the directory. */
export class OwnCalls {
  readonly #calls = new Map<string, Call>();
  /** Keys of those who called since their rows were written. */
  readonly #unwritten = new Set<string>();
  /** When this server began to write a row, monotonic, by key. */
  readonly #writtenAt = new Map<string, number>();

  note(call: Call): void {
    const key = keyOfLeaseHolder(call.holder);
    this.#calls.set(key, call);
    this.#unwritten.add(key);
  }

  has(key: string): boolean {
    return this.#calls.has(key);
  }

  get(key: string): Call | undefined {
    return this.#calls.get(key);
  }

  /** Those who called, and have not been forgotten: their rows are there. */
  holders(): LeaseHolder[] {
    return [...this.#calls.values()].map(({ holder }) => holder);
  }

  inForce(now: number): Call[] {
    return [...this.#calls.values()].filter((call) => endOf(call) > now);
  }

  takeUnwritten(): Call[] {
    const calls = [...this.#unwritten].flatMap((key) => this.#calls.get(key) ?? []);
    this.#unwritten.clear();
    return calls;
  }

  /** They could not be written. */
  putBack(calls: readonly Call[]): void {
    for (const { holder } of calls) this.#unwritten.add(keyOfLeaseHolder(holder));
  }

  written(holder: LeaseHolder, at: number): void {
    this.#writtenAt.set(keyOfLeaseHolder(holder), at);
  }

  /** Whether this server's last write of the row is so young that nobody has deleted the row for its age. */
  isWritten(holder: LeaseHolder, now: number): boolean {
    const at = this.#writtenAt.get(keyOfLeaseHolder(holder)) ?? Number.NEGATIVE_INFINITY;
    return now - at < ROW_TRUSTED_MS;
  }

  forget(key: string): void {
    this.#calls.delete(key);
    this.#unwritten.delete(key);
    this.#writtenAt.delete(key);
  }

  forgetSilent(now: number): void {
    for (const [key, call] of this.#calls) if (endOf(call) <= now) this.#calls.delete(key);
    for (const [key, at] of this.#writtenAt) if (now - at >= ROW_TRUSTED_MS) this.#writtenAt.delete(key);
  }
}

const endOf = ({ receivedAt, leaseMs }: Call): number => receivedAt + countedFor(leaseMs);
