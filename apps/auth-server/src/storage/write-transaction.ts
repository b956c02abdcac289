import type { Mode, Reason, Scope } from "@portcullis/protocol";
import type { RevocationKey } from "@portcullis/revocation";
import type { Kysely } from "kysely";
import type { Database } from "./database.ts";

/** What a unit of writing may do. It is dead once the unit is over: a later use throws `transaction_over`. */
export interface WriteTransaction {
  /** Sees what this unit and the units before it in the group wrote. */
  readonly db: Kysely<Database>;
  /**
   * Adds revocations to the log in this transaction. Gives the newest seq that was assigned. Verifiers hear of
   * them after the commit, and never if the unit or its group fails.
   */
  append(drafts: readonly RevocationDraft[]): Promise<number>;
}

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
