import type { GroupConnection } from "../unit/group-connection.ts";
import { type openWriter, queriesOn } from "./connection.ts";
import { asUnitError } from "./failures.ts";

/** The one writer of the file. Calls are synchronous: nothing of it is awaited, and nothing else can come between. */
export function sqliteGroupConnection(writer: ReturnType<typeof openWriter>): GroupConnection {
  const { database } = writer;
  let unit: "outside" | "untouched" | "saved" = "outside";
  const endUnit = (statements: string): void => {
    if (unit === "saved") database.exec(statements);
    unit = "outside";
  };
  return {
    async begin() {
      if (database.isTransaction) database.exec("ROLLBACK");
      database.exec("BEGIN IMMEDIATE");
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
    commit: async () => database.exec("COMMIT"),
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
