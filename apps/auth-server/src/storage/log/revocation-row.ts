import type { ChainedRecord } from "@portcullis/feed-server";
import {
  MODE_CODES,
  modeOfCode,
  REASON_CODES,
  type RevocationRecord,
  reasonOfCode,
  SCOPE_CODES,
  scopeOfCode,
} from "@portcullis/protocol";
import type { KeySpace } from "@portcullis/revocation";
import type { RevocationsTable } from "../tables/revocations.ts";
import type { RevocationDraft } from "../write-transaction.ts";
import { logError } from "./errors.ts";
import { leewaySeconds, type RetentionClock } from "./retention-clock.ts";

export interface RetentionOptions {
  readonly tokenLifetimeSeconds: number;
  readonly clockSkewSeconds: number;
}

/** Columns that verifiers see, and no others. */
export const RECORD_COLUMNS = [
  "seq",
  "scope",
  "mode",
  "reason",
  "key",
  "revoked_at",
  "expires_at",
  "token_expires_at",
] as const;
export const CHAINED_COLUMNS = [...RECORD_COLUMNS, "chain"] as const;
export type RecordRow = Pick<RevocationsTable, (typeof RECORD_COLUMNS)[number]>;

export function rowOf(
  draft: RevocationDraft,
  keySpace: KeySpace,
  options: RetentionOptions & { readonly revokedAt: number; readonly retention: RetentionClock },
): Omit<RevocationsTable, "seq" | "chain"> {
  assertStorable(draft);
  const tokenExpiresAt = tokenExpiryOf(draft);
  const { revokedAt, retention } = options;
  // Verifiers keep the record for as long as it has from `revokedAt`. While our clock is ahead that would be too short.
  const aheadSeconds = Math.max(0, revokedAt - retention.earliest());
  const lastTokenExpiry =
    tokenExpiresAt === undefined
      ? retention.latest() + options.tokenLifetimeSeconds
      : tokenExpiresAt + aheadSeconds;
  return {
    scope: SCOPE_CODES[draft.scope],
    mode: MODE_CODES[draft.mode],
    reason: REASON_CODES[draft.reason],
    key: keySpace.keyOf(draft.scope, draft.key),
    key_text: typeof draft.key === "object" ? JSON.stringify(draft.key) : (draft.key ?? null),
    revoked_at: revokedAt,
    // The last second at which a token that the draft covers could still verify somewhere, clocks being off.
    expires_at: lastTokenExpiry + leewaySeconds(options.clockSkewSeconds),
    token_expires_at: tokenExpiresAt ?? null,
    actor: draft.actor ?? null,
    note: draft.note ?? null,
  };
}

/** PostgreSQL's texts cannot hold it. Refused on SQLite too, so that the two do the same. */
const NUL = "\0";

function assertStorable({ key, actor, note }: RevocationDraft): void {
  const texts = { actor, note, ...(typeof key === "object" ? key : { key }) };
  for (const [field, text] of Object.entries(texts)) {
    if (typeof text === "string" && text.includes(NUL)) {
      throw logError("invalid_request", {
        text: `\`${field}\` has a NUL character, which cannot be stored. Leave it out.`,
      });
    }
  }
}

/** Verifiers have 32 bits for it. A time that does not fit is left out: the record is looked up without it. */
function tokenExpiryOf({ scope, tokenExpiresAt }: RevocationDraft): number | undefined {
  const fits = Number.isInteger(tokenExpiresAt) && tokenExpiresAt! > 0 && tokenExpiresAt! < 2 ** 32;
  return scope === "token" && fits ? tokenExpiresAt : undefined;
}

export function recordOf(row: RecordRow): RevocationRecord {
  const scope = scopeOfCode(row.scope);
  const mode = modeOfCode(row.mode);
  if (scope === undefined || mode === undefined) {
    // Leaving it out would be an allow.
    throw logError("unknown_record", { detail: `seq ${row.seq}: ${row.scope}, ${row.mode}` });
  }
  return {
    seq: row.seq,
    scope,
    mode,
    reason: reasonOfCode(row.reason),
    key: row.key,
    revokedAt: row.revoked_at,
    expiresAt: row.expires_at,
    ...(row.token_expires_at === null ? {} : { tokenExpiresAt: row.token_expires_at }),
  };
}

export function chainedRecordOf(row: RecordRow & Pick<RevocationsTable, "chain">): ChainedRecord {
  return { ...recordOf(row), chain: row.chain };
}
