import type { Lease } from "@portcullis/feed-server";
import { type LiveDigest, LiveDigester, RECORD_BYTES } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import type { Database } from "../../storage/database.ts";
import type { SqlRevocationLog } from "../../storage/log/sql-revocation-log.ts";
import { storedChains } from "./stored-chains.ts";

/** Digests of more than this are not made: the server has verifiers to answer. */
const MAX_DIGESTED = 1_000_000;

type Compared = Pick<SqlRevocationLog, "head" | "oldestKept" | "liveRecords" | "retention">;
type Live = NonNullable<Lease["live"]>;

/** Compares what verifiers report of their indexes with the log in SQL. What was digested once is remembered. */
export class Agreement {
  readonly #log: Compared;
  readonly #read: Kysely<Database>;
  #known = new Map<string, boolean>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: { readonly log: Compared; readonly read: Kysely<Database> }) {
    this.#log = options.log;
    this.#read = options.read;
  }

  /**
   * By key of lease; absent when the report says nothing that can be compared: not to know is not to agree. One comparison
   * at a time.
   */
  of(leases: readonly Lease[]): Promise<ReadonlyMap<string, boolean>> {
    const result = this.#last.then(() => this.#compare(leases));
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #compare(leases: readonly Lease[]): Promise<ReadonlyMap<string, boolean>> {
    const lives = await this.#compareLive(leases.flatMap(({ live }) => live ?? []));
    const reporting = leases.filter(({ chain }) => chain !== undefined);
    const chains = await storedChains(this.#read, [...new Set(reporting.map(({ applied }) => applied))]);
    const agreement = new Map<string, boolean>();
    for (const { key, applied, chain, live } of leases) {
      const stored = chains.get(applied);
      const agrees = chain === undefined || stored === undefined ? undefined : chain === stored;
      const parts = [agrees, live && lives.get(textOf(live))];
      const known = parts.filter((part) => part !== undefined);
      if (known.length > 0) agreement.set(key, !known.includes(false));
    }
    return agreement;
  }

  /** One pass through the live records for all that was not compared before. */
  async #compareLive(lives: readonly Live[]): Promise<ReadonlyMap<string, boolean>> {
    const before = this.#known;
    this.#known = new Map();
    const open: Live[] = [];
    for (const live of lives) {
      const known = before.get(textOf(live));
      if (known !== undefined) this.#known.set(textOf(live), known);
      else if (this.#isComparable(live)) open.push(live);
    }
    if (open.length > 0) await this.#digestFor(open.toSorted((left, right) => left.applied - right.applied));
    return this.#known;
  }

  #isComparable({ applied, digest }: Live): boolean {
    const head = this.#log.head();
    const isSmall = head - this.#log.oldestKept() < MAX_DIGESTED;
    return applied <= head && isSmall && digest.from >= this.#log.retention.earliest();
  }

  async #digestFor(open: Live[]): Promise<void> {
    const digester = new LiveDigester();
    for await (const slice of this.#log.liveRecords(open.at(-1)!.applied)) {
      let rest = slice;
      while (open[0] !== undefined && seqOfLast(rest) > open[0].applied) {
        const within = bytesUpTo(rest, open[0].applied);
        digester.add(rest.subarray(0, within));
        rest = rest.subarray(within);
        this.#note(open.shift()!, digester);
      }
      digester.add(rest);
    }
    for (const live of open) this.#note(live, digester);
  }

  #note(live: Live, digester: LiveDigester): void {
    this.#known.set(textOf(live), isSame(digester.digest(live.digest.from), live.digest));
  }
}

const textOf = ({ applied, digest }: Live): string =>
  `${applied} ${digest.from} ${digest.count} ${digest.sum}`;

const isSame = (left: LiveDigest, right: LiveDigest): boolean =>
  left.from === right.from && left.count === right.count && left.sum === right.sum;

const seqAt = (records: Uint8Array, at: number): number =>
  Number(new DataView(records.buffer, records.byteOffset).getBigUint64(at));

const seqOfLast = (records: Uint8Array): number =>
  records.length === 0 ? 0 : seqAt(records, records.length - RECORD_BYTES);

function bytesUpTo(records: Uint8Array, seq: number): number {
  let at = 0;
  while (at < records.length && seqAt(records, at) <= seq) at += RECORD_BYTES;
  return at;
}
