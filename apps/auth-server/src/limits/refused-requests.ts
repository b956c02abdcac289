import type { Log } from "@portcullis/protocol";

const GATHER_MS = 10_000;
/** Routes are a fixed list, statuses are few; no flood makes more of these. */
type Kind = `${number} ${string}`;

/**
 * Counts requests that were turned away (429, and 503 for want of space) and says so in one line a kind every ten
 * seconds: a line each would let whoever floods us fill the log instead of the database.
 */
export class RefusedRequests {
  readonly #counts = new Map<Kind, number>();
  readonly #operatorLog: Pick<Log, "warn">;
  readonly #timer: NodeJS.Timeout;

  constructor(operatorLog: Pick<Log, "warn">) {
    this.#operatorLog = operatorLog;
    this.#timer = setInterval(() => this.flush(), GATHER_MS);
    this.#timer.unref();
  }

  count(status: number, route: string): void {
    const kind: Kind = `${status} ${route}`;
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }

  flush(): void {
    for (const [kind, count] of this.#counts) {
      const [status, route] = kind.split(" ", 2);
      this.#operatorLog.warn({ event: "requests_refused", status: Number(status), route, count });
    }
    this.#counts.clear();
  }

  close(): void {
    clearInterval(this.#timer);
    this.flush();
  }
}
