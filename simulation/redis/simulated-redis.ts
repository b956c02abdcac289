import type { ChainedRecord, LogPosition } from "@portcullis/feed-server";
import { encodeBase64url, encodeRecords } from "@portcullis/protocol";

export interface StreamEntry {
  readonly id: string;
  readonly fields: Readonly<Record<string, Uint8Array>>;
}

/** Entries that the honest publisher keeps. */
const MAX_ENTRIES = 200;

export const seqOf = ({ id }: StreamEntry): number => Number(id.split("-")[0]);
export const textIn = ({ fields }: StreamEntry, name: string): string =>
  Buffer.from(fields[name] ?? []).toString("latin1");

/** The one key of a Redis: what is in it, what an honest publisher would have in it, and who waits for an entry. */
export class SimulatedRedis {
  entries: StreamEntry[] = [];
  /** Somebody keeps the publisher away. */
  isHeld = false;
  /** Entries that verifiers were given. */
  read = 0;
  #incarnation = "";
  #sign: (position: LogPosition) => string = () => "";
  #honest: StreamEntry[] = [];
  readonly #waiting = new Set<() => void>();

  get incarnation(): string {
    return this.#incarnation;
  }

  /** What a server finds in its database when it starts. */
  begin(
    log: { readonly incarnation: string; sign(position: LogPosition): string },
    records: readonly ChainedRecord[],
  ): void {
    this.#incarnation = log.incarnation;
    this.#sign = log.sign;
    this.#honest = records.slice(-MAX_ENTRIES).map((record) => this.#entryOf([record]));
    this.mend();
  }

  publish(records: readonly ChainedRecord[]): void {
    const entry = this.#entryOf(records);
    this.#honest = [...this.#honest, entry].slice(-MAX_ENTRIES);
    if (this.isHeld) return;
    const last = this.entries.at(-1);
    const before = this.#honest.at(-2);
    // As the script does: only to the very log that the publisher has.
    if (last?.id === before?.id && last?.fields === before?.fields) this.add(entry);
    else this.mend();
  }

  /** Replaces what is not the log. */
  mend(): void {
    if (this.isHeld) return;
    this.entries = [...this.#honest];
    this.#wake();
  }

  add(entry: StreamEntry): void {
    this.entries.push(entry);
    this.#wake();
  }

  /** Calls once something was added. */
  wait(work: () => void): () => void {
    this.#waiting.add(work);
    return () => this.#waiting.delete(work);
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const work of waiting) work();
  }

  #entryOf(records: readonly ChainedRecord[]): StreamEntry {
    const from = records[0]!.seq;
    const { seq: to, chain } = records.at(-1)!;
    return entryOf(`${to}-0`, {
      ...{ incarnation: this.#incarnation, prev: String(from - 1), from: String(from), to: String(to) },
      ...{
        records: encodeRecords(records),
        chain: encodeBase64url(chain),
        head: this.#sign({ seq: to, chain }),
      },
    });
  }
}

export function entryOf(id: string, fields: Readonly<Record<string, string | Uint8Array>>): StreamEntry {
  const bytes = Object.entries(fields).map(([name, value]) => [name, Buffer.from(value as string)] as const);
  return { id, fields: Object.fromEntries(bytes) };
}
