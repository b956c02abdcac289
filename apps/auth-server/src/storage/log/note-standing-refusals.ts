import { MODE_CODES, SCOPE_CODES } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import type { Database, Dialect } from "../database.ts";
import type { RevocationsTable } from "../tables/revocations.ts";

const STANDING: ReadonlySet<number> = new Set([SCOPE_CODES.key, SCOPE_CODES["dpop-key"]]);

/** What is refused for good (standing-refusals.ts). Called for all that enters the log, in its transaction. */
export async function noteStandingRefusals(
  db: Kysely<Database>,
  rows: readonly RevocationsTable[],
  dialect: Dialect,
): Promise<void> {
  for (const row of rows) {
    if (!STANDING.has(row.scope) || row.mode !== MODE_CODES.kill) continue;
    await note(db, row, dialect);
  }
}

async function note(db: Kysely<Database>, row: RevocationsTable, dialect: Dialect): Promise<void> {
  const { scope, key, key_text, reason, revoked_at: since, expires_at } = row;
  const later = dialect === "postgres" ? "greatest" : "max";
  await db
    .insertInto("standing_refusals")
    .values({ scope, key, key_text, reason, since, expires_at })
    .onConflict((conflict) =>
      conflict.columns(["scope", "key"]).doUpdateSet(({ fn, ref, val }) => ({
        expires_at: fn<number>(later, [ref("standing_refusals.expires_at"), val(expires_at)]),
      })),
    )
    .execute();
}
