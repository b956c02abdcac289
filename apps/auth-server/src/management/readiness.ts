import { sql } from "kysely";
import type { Storage } from "../storage/storage.ts";
import { withinTimeLimit } from "../storage/within-time-limit.ts";

/** Whoever asks waits a few seconds at most. */
const LIMIT_MS = 3000;

export interface ServerReadiness {
  readonly ready: boolean;
  /** Little space is left, or none but the reserve. Still ready: what such a server can do is revoke. */
  readonly space?: string;
  readonly reason?: "storage_unavailable" | "storage_full";
}

/** Returns whether this server can do its work. Never rejects. */
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
