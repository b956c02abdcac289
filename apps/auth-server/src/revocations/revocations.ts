import type { FastifyInstance } from "fastify";
import type { Storage } from "../storage/storage.ts";
import type { Authenticate } from "./caller.ts";
import type { LocalRevocations } from "./local-revocations.ts";
import type { Receipts } from "./receipts.ts";
import type { EndBelow, Revoker } from "./revoker.ts";

export interface RevocationsOptions {
  readonly storage: Storage;
  readonly endBelow: EndBelow;
  readonly nowSeconds: () => number;
  /** Default: `performance.now`. */
  readonly monotonicMs?: () => number;
  /** Private happenings, for the operator's log; never a token or key. */
  readonly report?: (event: { readonly event: string; readonly [detail: string]: unknown }) => void;
}

export interface Revocations {
  readonly revoker: Revoker;
  readonly receipts: Receipts;
  readonly local: LocalRevocations;
  /** Adds `POST path`, `GET path/snapshot`, `GET path/stream` and `POST path/lease`; `path` is `/revocations`. */
  mount(app: FastifyInstance, options: { readonly authenticate: Authenticate; readonly path: string }): void;
  /** Ends all streams and timers. Before `app.close()`, which would wait for the streams; and before the storage's. */
  close(): Promise<void>;
}

/** Loads the live log into memory: resolves when `local` can answer. */
export async function createRevocations(options: RevocationsOptions): Promise<Revocations> {
  throw new Error(`not built yet: ${options.storage.log.incarnation}`);
}
