import { sql } from "kysely";
import type { Storage } from "../storage/storage.ts";
import { withinTimeLimit } from "../storage/within-time-limit.ts";

/** Whoever asks waits a few seconds at most. */
const LIMIT_MS = 3000;

export interface ServerReadiness {
  readonly ready: boolean;
  /** Little space is left, or none but the reserve. Still ready: what such a server can do is revoke. */
  readonly space?: string;
  readonly reason?: "storage_unavailable" | "storage_full" | "stopping";
}

/** Returns the readiness of this server. Never rejects. */
export type AskReadiness = () => Promise<ServerReadiness>;

/** Whether this server can do its work, and wants more of it. */
export class Readiness {
  readonly #storage: Storage;
  #isStopping = false;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** From now on it says that it is not ready, and goes on with its work: whoever sends requests here is to send them elsewhere. */
  announceStop(): void {
    this.#isStopping = true;
  }

  readonly now: AskReadiness = async () =>
    this.#isStopping ? { ready: false, reason: "stopping" } : readinessOf(this.#storage);
}

/** Returns whether the storage lets a server do its work. Never rejects. */
export async function readinessOf(storage: Storage): Promise<ServerReadiness> {
  const { space } = storage;
  try {
    await withinTimeLimit(LIMIT_MS, () => answers(storage));
    return { ready: true, ...(space === "ample" ? {} : { space }) };
  } catch {
    return { ready: false, reason: storage.space === "ample" ? "storage_unavailable" : "storage_full" };
  }
}

/** A server that reads but cannot write gives out tokens that nobody can revoke: it is not ready. */
async function answers(storage: Storage): Promise<void> {
  await sql`select 1`.execute(storage.readKept);
  await storage.checkWritable();
}
