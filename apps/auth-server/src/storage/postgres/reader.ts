/** The connections that only read. */
import { hasCode } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import pg from "pg";
import type { Database } from "../database.ts";
import { clientConfig, settle } from "./client.ts";
import { queriesThrough, type RawResult } from "./queries.ts";
import { breaksConnection, isStoreFailure, unavailable } from "./sql-states.ts";

export interface Reader {
  readonly read: Kysely<Database>;
  /** Open ones, those of them that are idle, and statements that wait for one. */
  connections(): Readonly<Record<"open" | "idle" | "waiting", number>>;
  close(): Promise<void>;
}

/** Each statement on whichever connection is free: none of them holds a view of the past. */
export function openReader(options: { readonly url: string; readonly connections: number }): Reader {
  const client = { url: options.url, readsOnly: true };
  const pool = new pg.Pool({
    ...clientConfig(client),
    max: options.connections,
    idleTimeoutMillis: 60_000,
    verify: (connected, done) => {
      settle(connected, client).then(() => done(), done);
    },
  });
  // The pool has dropped the connection already; without a listener the process would end.
  pool.on("error", () => undefined);
  // The pool listens to idle connections alone. One that is in use may end between two statements.
  pool.on("connect", (connected) => connected.on("error", () => undefined));
  return {
    read: queriesThrough((text, parameters) => readOn(pool, text, parameters)),
    connections: () => ({ open: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    close: () => pool.end(),
  };
}

/** Reads change nothing: one on a connection that was idle while the server restarted is asked again, once. */
async function readOn(pool: pg.Pool, text: string, parameters: readonly unknown[]): Promise<RawResult> {
  try {
    return await runOn(pool, text, parameters).catch((error: unknown) => {
      if (!breaksConnection(error) || hasCode(error, "storage_unavailable")) throw error;
      return runOn(pool, text, parameters);
    });
  } catch (error) {
    throw isStoreFailure(error) ? unavailable(error) : error;
  }
}

async function runOn(pool: pg.Pool, text: string, parameters: readonly unknown[]): Promise<RawResult> {
  const client = await pool.connect().catch((error: unknown) => {
    throw unavailable(error);
  });
  let isBroken = false;
  try {
    return await client.query(text, parameters as unknown[]);
  } catch (error) {
    isBroken = breaksConnection(error);
    throw error;
  } finally {
    client.release(isBroken);
  }
}
