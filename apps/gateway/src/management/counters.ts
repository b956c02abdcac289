import { CLIENT_LEFT, type Exchange } from "../exchange.ts";

/** Requests by route and status, and refusals by code. Routes, statuses and codes are few, so this is bounded. */
export class Counters {
  readonly #requests = new Map<string, Map<number, number>>();
  readonly #refusals = new Map<string, number>();

  count({ route, status, refusal }: Exchange): void {
    const name = route?.name ?? "";
    const byStatus = this.#requests.get(name) ?? new Map<number, number>();
    if (byStatus.size === 0) this.#requests.set(name, byStatus);
    const code = status ?? CLIENT_LEFT;
    byStatus.set(code, (byStatus.get(code) ?? 0) + 1);
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
