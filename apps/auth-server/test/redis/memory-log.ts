import { createHash, randomUUID } from "node:crypto";
import type { ChainedRecord, LogPosition, ServedLog } from "@portcullis/feed-server";
import { CHAIN_START, encodeRecords, extendChain } from "@portcullis/protocol";

const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();

/** A log as a server has it, that a test can prune, roll back and look into. */
export class MemoryLog implements ServedLog {
  readonly incarnation: string;
  readonly epoch = 1;
  readonly hashKey = new Uint8Array(32);
  readonly tokenLifetimeSeconds = 300;
  readonly clockSkewSeconds = 5;
  readonly records: ChainedRecord[];
  #oldestKept: number;
  #position: LogPosition;
  readonly #listeners = new Set<(records: readonly ChainedRecord[]) => void>();

  constructor(from: { incarnation?: string; records?: readonly ChainedRecord[] } = {}) {
    this.incarnation = from.incarnation ?? randomUUID();
    this.records = [...(from.records ?? [])];
    this.#oldestKept = this.records[0]?.seq ?? 1;
    this.#position = this.records.at(-1) ?? { seq: 0, chain: CHAIN_START };
  }

  head = (): number => this.#position.seq;
  position = (): LogPosition => this.#position;
  refresh = async (): Promise<number> => this.head();
  oldestKept = (): number => this.#oldestKept;

  async read(after: number, limit: number): Promise<ChainedRecord[]> {
    return this.records.filter(({ seq }) => seq > after).slice(0, limit);
  }

  async *liveRecords(upTo: number): AsyncGenerator<Uint8Array> {
    yield encodeRecords(this.records.filter(({ seq }) => seq <= upTo));
  }

  subscribe(listener: (records: readonly ChainedRecord[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  append(count = 1): void {
    const added = Array.from({ length: count }, () => this.#add());
    for (const listener of this.#listeners) listener(added);
  }

  /** Commits that no subscriber hears of: of a server that died before it could tell. */
  appendInSilence(count = 1): void {
    for (let added = 0; added < count; added++) this.#add();
  }

  prune(oldestKept: number): void {
    this.#oldestKept = oldestKept;
    while (this.records.length > 0 && this.records[0]!.seq < oldestKept) this.records.shift();
  }

  #add(): ChainedRecord {
    const seq = this.head() + 1;
    const key = createHash("sha256").update(randomUUID()).digest().subarray(0, 16);
    const record = {
      seq,
      scope: "session",
      mode: "kill",
      reason: "logged_out",
      key,
      revokedAt: 1000,
      expiresAt: 2 ** 31,
    } as const;
    const chain = extendChain(this.#position.chain, encodeRecords([record]), sha256);
    this.#position = { seq, chain };
    this.records.push({ ...record, chain });
    return this.records.at(-1)!;
  }
}
