import { isPairScope, type RevocationEntry } from "@portcullis/protocol";
import { RECORD_COLUMNS, recordOf } from "../../storage/log/revocation-row.ts";
import type { RevocationsTable } from "../../storage/tables/revocations.ts";

/** Columns that operators see: with what was revoked in clear, by whom and why. */
export const ENTRY_COLUMNS = [...RECORD_COLUMNS, "key_text", "actor", "note"] as const;
type EntryRow = Pick<RevocationsTable, (typeof ENTRY_COLUMNS)[number]>;

export function entryOf(row: EntryRow): RevocationEntry {
  const { seq, scope, mode, reason, revokedAt, expiresAt } = recordOf(row);
  return {
    seq,
    scope,
    mode,
    reason,
    key: isPairScope(scope) && row.key_text !== null ? JSON.parse(row.key_text) : row.key_text,
    revokedAt: timeText(revokedAt),
    expiresAt: timeText(expiresAt),
    actor: row.actor,
    note: row.note,
  };
}

const timeText = (seconds: number): string => new Date(seconds * 1000).toISOString();
