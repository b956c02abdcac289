import { feedError } from "./errors.ts";
import type { LeaseTerms } from "./lease-terms.ts";

/** New names are counted over so long. */
const WINDOW_MS = 10_000;
/** In that time a client may bring as many new names as it may have, and as many again: all its processes may start anew. */
const CHURN = 2;

/**
 * How many names a client may use, and how many new ones it may bring. Both are bounded: a name that is given back at once
 * takes no place, but it costs the same two writes as one that stays.
 */
export class NameAllowance {
  readonly #terms: Pick<LeaseTerms, "namesPerClient" | "namesByClient">;
  /** When new names came, monotonic, by client. */
  readonly #came = new Map<string, number[]>();

  constructor(terms: Pick<LeaseTerms, "namesPerClient" | "namesByClient">) {
    this.#terms = terms;
  }

  /** Counts one more name. Throws `too_many_leases`, and counts nothing then. */
  take(clientId: string, { taken, now }: { readonly taken: number; readonly now: number }): void {
    const most = this.#mostOf(clientId);
    this.#forgetOld(now);
    const came = this.#came.get(clientId) ?? [];
    if (taken >= most || came.length >= most * CHURN) throw feedError("too_many_leases");
    this.#came.set(clientId, [...came, now]);
  }

  #mostOf(clientId: string): number {
    const { namesByClient, namesPerClient } = this.#terms;
    return Object.hasOwn(namesByClient, clientId) ? namesByClient[clientId]! : namesPerClient;
  }

  #forgetOld(now: number): void {
    for (const [clientId, times] of this.#came) {
      const young = times.filter((at) => now - at < WINDOW_MS);
      if (young.length === 0) this.#came.delete(clientId);
      else this.#came.set(clientId, young);
    }
  }
}
