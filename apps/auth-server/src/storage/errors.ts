import { errorsOf } from "@portcullis/protocol";

export const storageError = errorsOf({
  /** The outcome must be taken as "not done": nothing was published, and no receipt may be given. */
  storage_unavailable: {
    status: 503,
    text: "The server cannot store changes at the moment. Nothing was changed; try again shortly.",
  },
  storage_closed: {
    status: 503,
    text: "The server is shutting down. Nothing was changed; try again shortly.",
  },
  data_in_use: { status: 500, text: "Another server is running on this data directory." },
  data_unusable: { status: 500, text: "The data directory cannot be used." },
  migration_failed: { status: 500, text: "The database could not be brought to this version's schema." },
  nested_write: { status: 500, text: "A unit of writing may not wait for another one." },
  transaction_over: { status: 500, text: "This unit of writing is over." },
  unit_timed_out: {
    status: 503,
    text: "The change took too long to store and was undone; try again shortly.",
  },
  statement_refused: { status: 500, text: "This statement is not allowed on this connection." },
});

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
