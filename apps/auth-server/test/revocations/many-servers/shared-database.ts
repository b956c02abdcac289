import { keyOfLeaseHolder, type LeaseHolder } from "@portcullis/feed-server";
import type {
  DirectoryRow,
  DirectoryWrite,
  RowChange,
} from "../../../src/revocations/many-servers/shared-directory.ts";
import type { World } from "./world.ts";

/** The one database: what it does, it does at once; how long that takes to hear is the connection's business. */
export class SharedDatabase {
  readonly incarnation = "log";
  head = 0;
  readonly rows = new Map<string, DirectoryRow>();
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  append(): number {
    return ++this.head;
  }

  all(): DirectoryRow[] {
    return [...this.rows.values()];
  }

  find(holders: readonly LeaseHolder[]): Map<string, number> {
    const found = new Map<string, number>();
    for (const holder of holders) {
      const row = this.rows.get(keyOfLeaseHolder(holder));
      if (row !== undefined) found.set(keyOfLeaseHolder(holder), row.leaseMs);
    }
    return found;
  }

  write({ enter, renew, leave }: DirectoryWrite): string[] {
    const gone = renew.map(({ holder }) => keyOfLeaseHolder(holder)).filter((key) => !this.rows.has(key));
    for (const change of [...enter, ...renew]) {
      if (!gone.includes(keyOfLeaseHolder(change.holder))) this.#put(change);
    }
    for (const { holder, renewal } of leave) {
      const row = this.rows.get(keyOfLeaseHolder(holder));
      if (renewal === undefined || row?.renewal === renewal) this.rows.delete(keyOfLeaseHolder(holder));
    }
    return gone;
  }

  #put({ holder, since, leaseMs, report }: RowChange): void {
    const key = keyOfLeaseHolder(holder);
    const row = this.rows.get(key);
    const isAhead = row?.report !== undefined && row.report.applied > report.applied;
    this.rows.set(key, {
      holder,
      since: row?.since ?? since,
      leaseMs: Math.max(leaseMs, row?.leaseMs ?? 0),
      renewal: row === undefined ? Math.floor(this.#world.random() * 1e9) : row.renewal + 1,
      report: isAhead ? row.report : report,
    });
  }
}
