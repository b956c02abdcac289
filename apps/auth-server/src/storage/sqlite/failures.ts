import { storageError } from "../errors.ts";

/** SQLite primary result codes that say the store failed, and not that the statement was wrong. */
const STORE_FAILURES: ReadonlyMap<number, string> = new Map([
  [3, "SQLITE_PERM"],
  [5, "SQLITE_BUSY"],
  [6, "SQLITE_LOCKED"],
  [7, "SQLITE_NOMEM"],
  [8, "SQLITE_READONLY"],
  [10, "SQLITE_IOERR"],
  [11, "SQLITE_CORRUPT"],
  [13, "SQLITE_FULL"],
  [14, "SQLITE_CANTOPEN"],
  [15, "SQLITE_PROTOCOL"],
  [26, "SQLITE_NOTADB"],
]);

/** Name of the result code when the store itself failed (disk full, I/O error, locked by another process). */
export function storeFailureOf(error: unknown): string | undefined {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === "number" ? STORE_FAILURES.get(code & 0xff) : undefined;
}

/** A failure of the store becomes `storage_unavailable`; everything else is the unit's own error, as it is. */
export function asUnitError(error: unknown): unknown {
  const failure = storeFailureOf(error);
  return failure === undefined
    ? error
    : storageError("storage_unavailable", { detail: failure, cause: error });
}
