import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { SqliteStatement } from "kysely";
import { storageError } from "../errors.ts";

const KEPT = 256;

/**
 * Statements of one connection, compiled once and kept by their text; the least recently used goes first.
 *
 * Refused on every connection: transaction control, since the group commit alone decides where a transaction
 * begins and ends, and streaming, since an open cursor would pin the reader's view of the database: a check
 * made through it could miss a revocation that the horizon already counts.
 */
export function preparedStatements(database: DatabaseSync): (text: string) => SqliteStatement {
  const kept = new Map<string, SqliteStatement>();
  return (text) => {
    const statement = kept.get(text) ?? compile(database, text);
    kept.delete(text);
    kept.set(text, statement);
    if (kept.size > KEPT) kept.delete(kept.keys().next().value!);
    return statement;
  };
}

const TRANSACTION_CONTROL = /^\s*(?:begin|commit|end|rollback|savepoint|release|attach|detach|vacuum)\b/i;

function compile(database: DatabaseSync, text: string): SqliteStatement {
  if (TRANSACTION_CONTROL.test(text)) {
    throw storageError("statement_refused", { detail: text.trim().split(/\s+/, 1)[0]! });
  }
  return asKyselyStatement(database.prepare(text));
}

function asKyselyStatement(statement: StatementSync): SqliteStatement {
  return {
    // A statement with result columns is read with all(): that covers INSERT ... RETURNING too.
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...(parameters as SQLInputValue[])),
    run: (parameters) => statement.run(...(parameters as SQLInputValue[])),
    iterate: () => {
      throw storageError("statement_refused", { detail: "streaming" });
    },
  };
}
