import { setImmediate as nextTurn } from "node:timers/promises";
import type { Kysely } from "kysely";
import type { Database } from "../database.ts";
import { storageError } from "../errors.ts";
import type { NewRow } from "../log/log-counter.ts";
import type { SqlRevocationLog } from "../log/sql-revocation-log.ts";
import type { Appended, RevocationDraft, WriteTransaction } from "../write-transaction.ts";
import type { GroupConnection } from "./group-connection.ts";

/**
 * The right to write that one unit holds, until it is over. A promise that the unit forgot to await finds the
 * door closed, and not the transaction of somebody else.
 */
export class Unit {
  readonly transaction: WriteTransaction;
  /** What it adds to the log at the end of its group. */
  readonly appends: Append[] = [];
  readonly endings: ((db: Kysely<Database>) => Promise<void>)[] = [];
  readonly afterCommit: (() => void)[] = [];
  /** Called when its time limit begins anew. */
  onStep = (): void => undefined;
  #over = false;
  #appendFailure: { readonly error: unknown } | undefined;
  readonly #log: SqlRevocationLog;

  constructor(connection: GroupConnection, log: SqlRevocationLog) {
    this.#log = log;
    const assertAllowed = () => {
      if (this.#over) throw storageError("transaction_over");
    };
    this.transaction = {
      db: connection.queries(assertAllowed),
      lockRows: connection.lockRows,
      append: (drafts) => {
        assertAllowed();
        return this.#append(drafts);
      },
      atGroupEnd: (work) => {
        assertAllowed();
        this.endings.push((db) => work(db, this.appends.at(-1)?.seq));
      },
      afterCommit: (work) => {
        assertAllowed();
        this.afterCommit.push(work);
      },
      holdsProcess: connection.holdsProcess,
      nextStep: () => this.#nextStep(),
    };
  }

  get isOver(): boolean {
    return this.#over;
  }

  end(): void {
    this.#over = true;
  }

  /** Throws when an append failed, even if the unit caught that: what it was to revoke would live. */
  checkAppends(): void {
    if (this.#appendFailure !== undefined) throw this.#appendFailure.error;
  }

  async #nextStep(): Promise<void> {
    await nextTurn();
    this.onStep();
  }

  #append(drafts: readonly RevocationDraft[]): Appended {
    try {
      const append = new Append(this.#log.rowsOf(drafts));
      this.appends.push(append);
      return append;
    } catch (error) {
      this.#appendFailure ??= { error };
      throw error;
    }
  }
}

/** Rows that wait for their place. */
export class Append implements Appended {
  readonly rows: readonly NewRow[];
  #seq: number | undefined;

  constructor(rows: readonly NewRow[]) {
    this.rows = rows;
  }

  place(seq: number): void {
    this.#seq = seq;
  }

  get seq(): number {
    if (this.#seq === undefined) throw storageError("seq_too_early");
    return this.#seq;
  }
}
