import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/**
 * A UUID is of one user, in whatever letter case: two imports at once see each other's user in the index alone. Other ids count
 * letter case, and are not in it. No release could store twins: only one that imports users could.
 */
export const giveUuidsOnce: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`create unique index users_of_uuid on users (lower(id)) where length(id) = 36`.execute(db);
  },
};
