import { keyOfLeaseHolder, type LeaseHolder } from "@portcullis/feed-server";
import type { SetTimer } from "@portcullis/protocol";
import type { Bus } from "./bus.ts";

/** Acknowledgements that come so close together travel together: after a revocation they come from all verifiers at once. */
const GATHERED_MS = 2;
/** Of one message: PostgreSQL carries 8000 bytes, and an entry has at most 300. */
const MAX_PER_MESSAGE = 25;

interface Announced {
  readonly clientId: string;
  readonly name: string;
  readonly applied: number;
}

/** Tells the other servers what was acknowledged here. */
export class Announcer {
  readonly #options: { readonly bus: Bus; readonly setTimer: SetTimer };
  #waiting = new Map<string, Announced>();
  #incarnation = "";
  #cancel: (() => void) | undefined;

  constructor(options: { readonly bus: Bus; readonly setTimer: SetTimer }) {
    this.#options = options;
  }

  announce(holder: LeaseHolder, incarnation: string, applied: number): void {
    if (incarnation !== this.#incarnation) this.#waiting.clear();
    this.#incarnation = incarnation;
    this.#waiting.set(keyOfLeaseHolder(holder), { clientId: holder.clientId, name: holder.name, applied });
    this.#cancel ??= this.#options.setTimer(() => this.#send(), GATHERED_MS);
  }

  close(): void {
    this.#cancel?.();
  }

  #send(): void {
    this.#cancel = undefined;
    const replicas = [...this.#waiting.values()];
    this.#waiting = new Map();
    for (let at = 0; at < replicas.length; at += MAX_PER_MESSAGE) {
      const some = replicas.slice(at, at + MAX_PER_MESSAGE);
      this.#options.bus.publish({ type: "applied", incarnation: this.#incarnation, replicas: some });
    }
  }
}
