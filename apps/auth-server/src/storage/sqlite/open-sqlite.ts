import type { DatabaseSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { SqlRevocationLog } from "../log/sql-revocation-log.ts";
import { migrations } from "../migrations/index.ts";
import { Pruning } from "../pruning.ts";
import { type Room, UNLIMITED } from "../space/room.ts";
import { observersOf, type Storage, type StorageOptions } from "../storage.ts";
import { GroupCommit } from "../unit/group-commit.ts";
import { WriteHealth } from "../unit/write-health.ts";
import type { Write } from "../write-transaction.ts";
import { openReader, openWriter, queriesOn, type SqliteConnection } from "./connection.ts";
import { lockDataFile, prepareDataFile } from "./data-file.ts";
import { DiskRoom } from "./disk-room.ts";
import { sqliteGroupConnection } from "./group-connection.ts";
import { migrateToLatest } from "./migrate.ts";

export async function openSqlite(options: StorageOptions, file: string): Promise<Storage> {
  prepareDataFile(file);
  const { release } = lockDataFile(file);
  const opened = new DisposableStack();
  opened.defer(release);
  try {
    return await openLocked(options, { file, release, opened });
  } catch (error) {
    opened.dispose();
    throw error;
  }
}

interface Locked {
  readonly file: string;
  readonly release: () => void;
  /** What ends when it cannot be opened, the last first. */
  readonly opened: DisposableStack;
}

async function openLocked(options: StorageOptions, { file, release, opened }: Locked): Promise<Storage> {
  const writer = openWriter(file);
  opened.defer(() => writer.database.close());
  const room = roomOf(options, file, writer.database);
  opened.defer(() => room.close());
  const opening = () => openLog(options, file, writer);
  const { reader, read, log } = await opening().catch((error: unknown) => {
    // A server that is started on a full disk has the reserve that the one before it left.
    if (!room.makeRoom((error as Error).cause ?? error)) throw error;
    return opening();
  });
  const counters = { units: 0, commits: 0, failedCommits: 0 };
  const health = new WriteHealth(observersOf(options));
  const writeBackSoon = () => void setImmediate(() => writeBackJournal(reader.database));
  const connections = [sqliteGroupConnection(writer, { writeBackSoon })];
  const commits = new GroupCommit({ connections, log, counters, room, health });
  const write: Write = (work, how) => commits.write(work, how);
  const { operatorLog } = observersOf(options);
  return {
    dialect: "sqlite",
    read,
    readKept: read,
    write,
    log,
    pruning: new Pruning({ time: log.retention, clockSkewSeconds: log.clockSkewSeconds, write, operatorLog }),
    counters,
    get waiting() {
      return commits.waiting;
    },
    get space() {
      return room.state;
    },
    checkWritable: () => health.check(write),
    async writeBack() {
      await nextTurn();
      writeBackJournal(reader.database);
    },
    async close() {
      room.close();
      await commits.close();
      reader.database.close();
      release();
    },
  };
}

async function openLog(options: StorageOptions, file: string, writer: SqliteConnection) {
  await migrateToLatest(writer.database, migrations);
  const reader = openReader(file);
  const read = queriesOn(reader.prepare);
  const write = queriesOn(writer.prepare);
  try {
    const log = await SqlRevocationLog.open({
      dialect: "sqlite",
      read,
      readKept: read,
      write,
      tokenLifetimeSeconds: options.tokenLifetimeSeconds,
      clockSkewSeconds: options.clockSkewSeconds,
      clock: options.clock,
      databaseClock: options.databaseClock,
      randomBytes: options.randomBytes,
    });
    return { reader, read, log };
  } catch (error) {
    reader.database.close();
    throw error;
  }
}

function roomOf(options: StorageOptions, file: string, database: DatabaseSync): Room {
  const { diskSpace, randomBytes } = options;
  if (diskSpace === undefined) return UNLIMITED;
  const { operatorLog } = observersOf(options);
  const freeInFile = () => numberOf(database, "freelist_count") * numberOf(database, "page_size");
  return new DiskRoom({
    reserveBytes: diskSpace.reserveBytes,
    refuseStrangersBelow: diskSpace.refuseStrangersBelow,
    alarmBelow: diskSpace.alarmBelow,
    file,
    freeInFile,
    shrinkJournal: () => shrinkJournal(database),
    randomBytes,
    operatorLog,
  });
}

/** Fails while a transaction is under way, and where there is no space for it: then the next look tries again. */
function shrinkJournal(database: DatabaseSync): void {
  if (database.isTransaction) return;
  try {
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch {}
}

/**
 * On the reading connection, since the writing one cannot while a unit is under way; what that has not committed stays where it is. Waits for
 * nobody. What fails is left in the journal, which loses nothing: the next COMMIT that finds it long tries again.
 */
function writeBackJournal(reader: DatabaseSync): void {
  try {
    reader.exec("PRAGMA wal_checkpoint(PASSIVE)");
  } catch {}
}

const numberOf = (database: DatabaseSync, pragma: "freelist_count" | "page_size"): number =>
  Number(database.prepare(`PRAGMA ${pragma}`).get()?.[pragma]);
