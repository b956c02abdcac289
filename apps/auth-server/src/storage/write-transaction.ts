import type { Mode, Reason, Scope } from "@portcullis/protocol";
import type { RevocationKey } from "@portcullis/revocation";
import type { Kysely, SelectQueryBuilder } from "kysely";
import type { Database } from "./database.ts";

/**
 * Runs a unit of writing and resolves once it is on disk. Units share transactions (group commit); each fails
 * alone. Rejects with `storage_unavailable` when the store failed: nothing of the unit may be taken for done then.
 * Keep foreign waiting (network, passwords) out of it: other writers wait for it. It may run again when another
 * server was in its way, so it changes nothing but the database.
 */
export type Write = <T>(
  work: (transaction: WriteTransaction) => T | Promise<T>,
  options?: WriteOptions,
) => Promise<T>;

export interface WriteOptions {
  /** Rejects with `storage_full` while there is no space for this. Default: for the server itself (space/room.ts). */
  readonly onBehalfOf?: OnBehalfOf;
}

/**
 * For whom something is stored. Undefined: for the server itself, and whatever ends or takes away something. Those may
 * use the reserve, so that a caller who forgets to say so fails towards revoking.
 */
export type OnBehalfOf =
  /** Somebody who has proved nothing. */
  | "stranger"
  /** A client or a user, for whom this grows with use: codes, refresh tokens, consents. */
  | "client";

/** What a unit of writing may do. It is dead once the unit is over: a later use throws `transaction_over`. */
export interface WriteTransaction {
  /** Sees what this unit and the units before it in the group wrote. */
  readonly db: Kysely<Database>;
  /**
   * Adds revocations to the log in this transaction: they get their place at its very end, so that the log's counter
   * is held for the shortest time. Verifiers hear of them after the commit, and never if the unit or its group fails.
   */
  append(drafts: readonly RevocationDraft[]): Appended;
  readonly lockRows: LockRows;
  /**
   * Whether a statement holds up the process while it runs (SQLite): whoever changes rows of which there may be thousands does so a step
   * at a time there. Elsewhere one statement is faster and holds up nobody, as long as its own time limit is far.
   */
  readonly holdsProcess: boolean;
  /** Gives everybody else in the process their turn, and begins the time limit of the unit anew. For between two steps. */
  nextStep(): Promise<void>;
  /** Set when the unit is undone at its end, whatever it does (revocations/revoke/try-out.ts). */
  readonly isTrial?: true;
  /**
   * Runs at the end of the group, when the log's counter is taken: for what must change together with it. It is given the newest place
   * that the unit's own records got; undefined when it appended none. A failure fails the group.
   */
  atGroupEnd(work: (db: Kysely<Database>, seq: number | undefined) => Promise<void>): void;
  /** Runs once the unit is on disk, and never if it is not. For what is only begun here, and must not throw. */
  afterCommit(work: () => void): void;
}

export interface Appended {
  /** The newest seq that was given. To be read once the write has resolved; throws before. */
  readonly seq: number;
}

/**
 * Locks the rows that a query reads until the end of the transaction: whoever reads and then decides must use it, since
 * other servers on the database do the same at the same moment. SQLite has one writer, so that there it is the query
 * itself. Parents are locked before children (session, grant, what hangs below), or two units wait for each other.
 */
export type LockRows = <DB, TB extends keyof DB, O>(
  query: SelectQueryBuilder<DB, TB, O>,
  of?: TB & string,
) => SelectQueryBuilder<DB, TB, O>;

/** A revocation before it has a place in the log. */
export interface RevocationDraft {
  readonly scope: Scope;
  readonly mode: Mode;
  readonly reason: Reason;
  /** Undefined for scope `issuer` only. */
  readonly key: RevocationKey;
  /**
   * Seconds, scope `token` only: the `exp` of the very token, out of its verified claims. It says where
   * verifiers file the record and for how long: a wrong one would revoke nothing.
   */
  readonly tokenExpiresAt?: number;
  readonly actor?: string;
  readonly note?: string;
}
