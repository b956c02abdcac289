import type { GroupConnection } from "../unit/group-connection.ts";
import { type openWriter, queriesOn } from "./connection.ts";
import { asUnitError } from "./failures.ts";

/** Rows whose COMMIT leaves the journal as it is. Both at once held the process for 86 ms after the end of 100,000 grants. */
const MANY_ROWS = 5000;
/** SQLite's own: so many pages of the journal, and a COMMIT writes it back. */
const WRITE_BACK_BEHIND_PAGES = 1000;

export interface SqliteGroupConnectionOptions {
  /** Writes the journal back in a later turn of the process. What that fails to do the next COMMIT does. */
  readonly writeBackSoon: () => void;
}

/** The one writer of the file. Calls are synchronous: nothing of it is awaited, and nothing else can come between. */
export function sqliteGroupConnection(
  writer: ReturnType<typeof openWriter>,
  { writeBackSoon }: SqliteGroupConnectionOptions,
): GroupConnection {
  const { database } = writer;
  const changesStatement = database.prepare("SELECT total_changes() AS changes");
  const rowsChanged = () => Number(changesStatement.get()!.changes);
  let changedBefore = 0;
  let unit: "outside" | "untouched" | "saved" = "outside";
  const endUnit = (statements: string): void => {
    if (unit === "saved") database.exec(statements);
    unit = "outside";
  };
  return {
    async begin() {
      if (database.isTransaction) database.exec("ROLLBACK");
      database.exec("BEGIN IMMEDIATE");
      changedBefore = rowsChanged();
    },
    beginUnit() {
      unit = "untouched";
    },
    endUnit: async () => endUnit("RELEASE unit"),
    isFull: () => false,
    async undoUnit() {
      // Some failures (disk full, I/O) make SQLite undo the whole transaction: then the group is lost.
      if (!database.isTransaction) throw new Error("SQLite has undone the transaction");
      endUnit("ROLLBACK TO unit; RELEASE unit");
    },
    beginEnd: () => undefined,
    async commit() {
      if (rowsChanged() - changedBefore < MANY_ROWS) return database.exec("COMMIT");
      database.exec("PRAGMA wal_autocheckpoint = 0");
      try {
        database.exec("COMMIT");
      } finally {
        database.exec(`PRAGMA wal_autocheckpoint = ${WRITE_BACK_BEHIND_PAGES}`);
      }
      writeBackSoon();
    },
    async rollback() {
      try {
        if (database.isTransaction) database.exec("ROLLBACK");
      } catch {
        // The next group tries again before it begins; until that works, every write answers 503.
      }
    },
    queries: (assertAllowed) =>
      queriesOn((text) => {
        assertAllowed();
        if (unit === "untouched") database.exec("SAVEPOINT unit");
        if (unit === "untouched") unit = "saved";
        return writer.prepare(text);
      }),
    lockRows: (query) => query,
    holdsProcess: true,
    isRace: () => false,
    asUnitError,
    close: async () => database.close(),
  };
}
