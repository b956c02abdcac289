import type { ChainedRecord } from "@portcullis/feed-server";
import type { SqlRevocationLog } from "../revocations/sql-revocation-log.ts";
import { storageError } from "./errors.ts";
import { queriesOn, type SqliteConnection } from "./sqlite-connection.ts";
import type { RevocationDraft, WriteTransaction } from "./write-transaction.ts";

/**
 * The right to write that one unit holds, until it is over. A promise that the unit forgot to await finds the
 * door closed, and not the transaction of somebody else.
 */
export class Unit {
  readonly transaction: WriteTransaction;
  /** What it added to the log: published if the group commits. */
  readonly records: ChainedRecord[] = [];
  #over = false;
  #appendFailure: { readonly error: unknown } | undefined;
  readonly #log: SqlRevocationLog;

  constructor(writer: SqliteConnection, log: SqlRevocationLog) {
    this.#log = log;
    const db = queriesOn((text) => {
      if (this.#over) throw storageError("transaction_over");
      return writer.prepare(text);
    });
    this.transaction = { db, append: (drafts) => this.#append(drafts) };
  }

  get isOver(): boolean {
    return this.#over;
  }

  end(): void {
    this.#over = true;
  }

  /** Throws when an append failed, even if the unit caught that: its seqs were given and must be taken back. */
  checkAppends(): void {
    if (this.#appendFailure !== undefined) throw this.#appendFailure.error;
  }

  async #append(drafts: readonly RevocationDraft[]): Promise<number> {
    try {
      for (const record of await this.#log.append(this.transaction.db, drafts)) this.records.push(record);
    } catch (error) {
      this.#appendFailure ??= { error };
      throw error;
    }
    return this.records.reduce((newest, record) => Math.max(newest, record.seq), this.#log.head());
  }
}
