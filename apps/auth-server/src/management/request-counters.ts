import type { Sample } from "@portcullis/service";

/** Requests by method, route and status, and refusals by limit. There are few of each, so this is bounded. */
export class RequestCounters {
  readonly #answered = new Map<string, number>();
  readonly #refused = new Map<string, number>();

  /** `route` is the pattern of the route: a path would carry codes and identifiers. */
  count(method: string, route: string, status: number): void {
    add(this.#answered, `${METHODS.has(method) ? method : "other"} ${status} ${route}`);
  }

  countRefused(limit: string): void {
    add(this.#refused, limit);
  }

  answered(): Sample[] {
    return [...this.#answered].map(([key, value]) => {
      const [method, code, ...route] = key.split(" ");
      return { labels: { method: method!, code: code!, route: route.join(" ") }, value };
    });
  }

  refused(): Sample[] {
    return [...this.#refused].map(([limit, value]) => ({ labels: { limit }, value }));
  }
}

/** Anybody can make up others. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

const add = (counts: Map<string, number>, key: string): void =>
  void counts.set(key, (counts.get(key) ?? 0) + 1);
