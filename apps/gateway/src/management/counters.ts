import type { Exchange } from "../exchange.ts";

/** Requests by route and status, and refusals by code. Routes, statuses and codes are few, so this is bounded. */
export class Counters {
  readonly #requests = new Map<string, Map<number, number>>();
  readonly #refusals = new Map<string, number>();

  count({ route, response, refusal }: Exchange): void {
    const name = route?.name ?? "";
    const byStatus = this.#requests.get(name) ?? new Map<number, number>();
    if (byStatus.size === 0) this.#requests.set(name, byStatus);
    // Without a head the client left before its answer: nginx's 499 is what operators know.
    const status = response.headersSent ? response.statusCode : 499;
    byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
    if (refusal !== undefined) this.#refusals.set(refusal, (this.#refusals.get(refusal) ?? 0) + 1);
  }

  requests(): { route: string; status: number; count: number }[] {
    return [...this.#requests].flatMap(([route, byStatus]) =>
      [...byStatus].map(([status, count]) => ({ route, status, count })),
    );
  }

  refusals(): { code: string; count: number }[] {
    return [...this.#refusals].map(([code, count]) => ({ code, count }));
  }
}
