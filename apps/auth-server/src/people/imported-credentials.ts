/** Ways in that an import brought and that cannot be used yet: kept with the user until they can. */
import type { Kysely } from "kysely";
import type { Database } from "../storage/database.ts";
import type { ImportedCredentialsTable } from "../storage/tables/people.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";
import type { User } from "./users.ts";

type Kind = ImportedCredentialsTable["kind"];
export type ImportedCredentials = Readonly<Record<Kind, readonly object[]>>;

/** Of a user who was just made. */
export async function insertCredentials(
  { db }: WriteTransaction,
  { id, created_at }: User,
  credentials: ImportedCredentials,
): Promise<void> {
  const rows = (Object.entries(credentials) as [Kind, readonly object[]][]).flatMap(([kind, all]) =>
    all.map((content, position) => ({
      user_id: id,
      kind,
      position,
      content: JSON.stringify(content),
      imported_at: created_at,
    })),
  );
  if (rows.length > 0) await db.insertInto("imported_credentials").values(rows).execute();
}

export async function credentialsOf(
  db: Kysely<Database>,
  ids: readonly string[],
): Promise<ReadonlyMap<string, ImportedCredentials>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom("imported_credentials")
    .selectAll()
    .where("user_id", "in", ids)
    .orderBy("position")
    .execute();
  return new Map(
    [...Map.groupBy(rows, ({ user_id }) => user_id)].map(([id, all]) => {
      const of = (kind: Kind) =>
        all.filter((row) => row.kind === kind).map(({ content }) => JSON.parse(content));
      return [id, { totp: of("totp"), upstream: of("upstream"), passkey: of("passkey") }];
    }),
  );
}
