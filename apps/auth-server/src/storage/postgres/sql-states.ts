/** What PostgreSQL's errors mean here (SQLSTATE, appendix A of its manual). */
import { hasCode } from "@portcullis/protocol";
import pg from "pg";
import { storageError } from "../errors.ts";

/** Another transaction was in the way: deadlock, serialization, a lock not had in time. */
const RACES: ReadonlySet<string> = new Set(["40P01", "40001", "55P03"]);
/** A second insert of one key: another server was first, or the unit is wrong. The next try shows which. */
const TAKEN_KEY = "23505";
const TRIES_OF_A_TAKEN_KEY = 3;

/**
 * Classes and codes that say the store failed, and not that the statement was wrong: connection, resources (disk
 * full), an operator's shutdown, I/O, a server that may only be read, as after a failover.
 */
const STORE_FAILURES = /^(08|53|57P|58|F0|XX|25006$|57014$|25P03$|28|3D000$)/;

export function isRace(error: unknown, tries: number): boolean {
  if (!(error instanceof pg.DatabaseError)) return false;
  return RACES.has(error.code ?? "") || (error.code === TAKEN_KEY && tries < TRIES_OF_A_TAKEN_KEY);
}

/** Everything that did not come from the server as an answer came from the way to it. */
export function isStoreFailure(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || STORE_FAILURES.test(error.code ?? "");
}

/** A connection on which this happened is not used again: it may be gone, or lead to a server that is none any more. */
export function breaksConnection(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return true;
  return error.severity === "FATAL" || /^(08|57P|58|XX|25006$)/.test(error.code ?? "");
}

export function unavailable(error: unknown): Error {
  if (hasCode(error, "storage_unavailable")) return error;
  const { code, message } = error as { code?: string; message?: string };
  return storageError("storage_unavailable", { detail: `${code ?? "connection"}: ${message}`, cause: error });
}
