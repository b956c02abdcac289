import type { Kysely } from "kysely";
import type { Database } from "../database.ts";
import type { LockRows } from "../write-transaction.ts";

/** A connection that one group of units after the other is written through. Port of the two drivers. */
export interface GroupConnection {
  /** Connects again first if it must. */
  begin(): Promise<void>;
  /** Its savepoint is made by its first statement: a unit that only appends costs the database nothing. */
  beginUnit(): void;
  endUnit(): Promise<void>;
  /** Enough units have run statements: what they lock is locked until the group's end. */
  isFull(): boolean;
  /** Undoes this unit alone. Rejects when the whole transaction is lost. */
  undoUnit(): Promise<void>;
  /** Nobody waits in the group any more but for the counter of the log. */
  beginEnd(): void;
  commit(): Promise<void>;
  /** Whatever state it is in. Never rejects. */
  rollback(): Promise<void>;
  /** `assertAllowed` throws once the unit is over. */
  queries(assertAllowed: () => void): Kysely<Database>;
  readonly lockRows: LockRows;
  /** Whether nothing else in the process goes on while a statement runs. */
  readonly holdsProcess: boolean;
  /** Whether another transaction was in the way: the unit is worth another try. */
  isRace(error: unknown, tries: number): boolean;
  /** A failure of the store becomes `storage_unavailable`; everything else is the unit's own error, as it is. */
  asUnitError(error: unknown): unknown;
  close(): Promise<void>;
}
