import { keyOfLeaseHolder, type LeaseHolder } from "@portcullis/feed-server";
import type {
  DirectoryRow,
  DirectoryWrite,
  DirectoryWritten,
  FoundRow,
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

  find(holders: readonly LeaseHolder[]): Map<string, FoundRow> {
    const found = new Map<string, FoundRow>();
    for (const holder of holders) {
      const row = this.rows.get(keyOfLeaseHolder(holder));
      if (row !== undefined) found.set(keyOfLeaseHolder(holder), row);
    }
    return found;
  }

  write({ enter, renew, leave }: DirectoryWrite): DirectoryWritten {
    for (const { holder, renewal, secretHash } of leave) {
      const row = this.rows.get(keyOfLeaseHolder(holder));
      const isIt = renewal === undefined || row?.renewal === renewal;
      if (isIt && (secretHash === undefined || row?.secretHash === secretHash))
        this.rows.delete(keyOfLeaseHolder(holder));
    }
    const gone = renew.map(({ holder }) => keyOfLeaseHolder(holder)).filter((key) => !this.rows.has(key));
    const taken: string[] = [];
    for (const change of [...enter, ...renew]) {
      const key = keyOfLeaseHolder(change.holder);
      if (gone.includes(key)) continue;
      if (this.#isOfAnother(change)) taken.push(key);
      else this.#put(change);
    }
    return { gone, taken };
  }

  #isOfAnother({ holder, secretHash, over }: RowChange): boolean {
    const row = this.rows.get(keyOfLeaseHolder(holder));
    if (row?.secretHash === undefined || row.secretHash === secretHash) return false;
    return row.renewal !== over;
  }

  #put({ holder, secretHash, since, leaseMs, report }: RowChange): void {
    const key = keyOfLeaseHolder(holder);
    const row = this.rows.get(key);
    const isAhead = row?.report !== undefined && row.report.applied > report.applied;
    this.rows.set(key, {
      holder,
      secretHash,
      since: row?.secretHash === secretHash ? row.since : since,
      leaseMs: Math.max(leaseMs, row?.leaseMs ?? 0),
      renewal: row === undefined ? Math.floor(this.#world.random() * 1e9) : row.renewal + 1,
      report: isAhead ? row.report : report,
    });
  }
}
