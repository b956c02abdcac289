/** What people call those whom records have by id: users by username or e-mail address, apps by their names. */
import { type Kysely, sql } from "kysely";
import type { Database } from "../storage/database.ts";

/** By id. Who is gone without a trace is not in it. */
export type Names = ReadonlyMap<string, string>;

type Id = string | null | undefined;

/** Of all ids of a page at once: a list costs two statements, however long it is. */
export async function namesOf(db: Kysely<Database>, ids: readonly Id[]): Promise<Names> {
  const wanted = [...new Set(ids)].filter((id) => id !== null && id !== undefined);
  if (wanted.length === 0) return new Map();
  // A `sub` wins over the `client_id` that is spelt so, as everywhere.
  const found = [...(await appsNamed(db, wanted)), ...(await peopleNamed(db, wanted))];
  return new Map(found.flatMap(({ id, name }) => (name === null ? [] : [[id, name] as const])));
}

const peopleNamed = (db: Kysely<Database>, ids: readonly string[]) =>
  db
    .selectFrom("users")
    .select(["id", sql<string | null>`coalesce(username, email, name)`.as("name")])
    .where("id", "in", ids)
    .unionAll(
      db
        .selectFrom("deleted_users")
        .select(["id", sql<string | null>`label`.as("name")])
        .where("id", "in", ids),
    )
    .execute();

const appsNamed = (db: Kysely<Database>, ids: readonly string[]) =>
  db
    .selectFrom("oidc_clients")
    .select(["client_id as id", sql<string | null>`name`.as("name")])
    .where("client_id", "in", ids)
    .unionAll(
      db
        .selectFrom("deleted_clients")
        .select(["client_id as id", sql<string | null>`name`.as("name")])
        .where("client_id", "in", ids),
    )
    .execute();
