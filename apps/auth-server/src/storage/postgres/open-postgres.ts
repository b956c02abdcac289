import { hasCode, type Log } from "@portcullis/protocol";
import { sql } from "kysely";
import { SqlRevocationLog } from "../log/sql-revocation-log.ts";
import { migrations } from "../migrations/index.ts";
import { Pruning } from "../pruning.ts";
import { observersOf, type Storage, type StorageOptions } from "../storage.ts";
import { GroupCommit } from "../unit/group-commit.ts";
import { WriteHealth } from "../unit/write-health.ts";
import type { Write } from "../write-transaction.ts";
import { DatabaseRoom } from "./database-room.ts";
import { databaseUnusable } from "./database-unusable.ts";
import { postgresGroupConnection } from "./group-connection.ts";
import { listenOn } from "./listener.ts";
import { whileStarting } from "./prepare-database.ts";
import { openReader } from "./reader.ts";

/** Lanes of writing. More would share no more commits, and wait for the log's counter all the same. */
const MAX_LANES = 4;
/** With fewer connections than that, one is kept for the server's own reads, and two with more. */
const SMALL_POOL = 8;

/**
 * What the connections of one server are for. What is kept is taken by no request for a token, whatever that waits for: heads,
 * leases, revoking and readiness go on while a table is locked.
 */
export function sharesOf(poolSize: number) {
  const kept = { lanes: 1, readers: poolSize < SMALL_POOL ? 1 : 2 };
  const lanes = Math.max(1, Math.min(MAX_LANES, Math.floor(poolSize / 2) - kept.lanes));
  return { lanes, readers: Math.max(1, poolSize - lanes - kept.lanes - kept.readers), kept };
}

export async function openPostgres(
  options: StorageOptions,
  { url, poolSize }: { readonly url: string; readonly poolSize: number },
): Promise<Storage> {
  const { lanes, readers, kept } = sharesOf(poolSize);
  const reader = openReader({ url, connections: readers });
  const keptReader = openReader({ url, connections: kept.readers });
  const { read } = reader;
  const { read: readKept } = keptReader;
  try {
    const log = await whileStarting({ url, migrations }, (write) =>
      SqlRevocationLog.open({
        dialect: "postgres",
        read,
        readKept,
        write,
        tokenLifetimeSeconds: options.tokenLifetimeSeconds,
        clockSkewSeconds: options.clockSkewSeconds,
        clock: options.clock,
        databaseClock: options.databaseClock,
        randomBytes: options.randomBytes,
      }),
    );
    const counters = { units: 0, commits: 0, failedCommits: 0 };
    const lanesOf = (length: number) => Array.from({ length }, () => postgresGroupConnection(url));
    const room = new DatabaseRoom(observersOf(options));
    const health = new WriteHealth(observersOf(options));
    const commits = new GroupCommit({
      connections: lanesOf(lanes),
      kept: lanesOf(kept.lanes),
      log,
      counters,
      room,
      health,
    });
    const write: Write = (work, how) => commits.write(work, how);
    const { operatorLog } = observersOf(options);
    await warnOfUnsafeSettings(read, operatorLog);
    return {
      dialect: "postgres",
      read,
      readKept,
      write,
      log,
      pruning: new Pruning({
        time: log.retention,
        clockSkewSeconds: log.clockSkewSeconds,
        write,
        operatorLog,
      }),
      counters,
      get waiting() {
        return commits.waiting;
      },
      connections: reader.connections,
      get space() {
        return room.state;
      },
      checkWritable: () => health.check(write),
      listen: listenOn(url),
      async close() {
        await commits.close();
        await reader.close();
        await keptReader.close();
      },
    };
  } catch (error) {
    await reader.close();
    await keptReader.close();
    throw isOfNetwork(error) || hasCode(error, "storage_unavailable") ? databaseUnusable(error, url) : error;
  }
}

const isOfNetwork = (error: unknown): boolean => typeof (error as { syscall?: unknown }).syscall === "string";

/** Whoever turns it off knows why; whoever did not must hear of it. */
async function warnOfUnsafeSettings(read: Storage["read"], operatorLog: Log): Promise<void> {
  const { rows } = await sql<{ fsync: string }>`select current_setting('fsync') as fsync`.execute(read);
  if (rows[0]?.fsync !== "on") operatorLog.warn({ event: "database_may_lose_commits", setting: "fsync" });
}
