import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Devices and addresses that a user signed in from: whoever guesses elsewhere does not make them wait. */
export const addKnownPlaces: Migration = {
  async up({ schema }: Kysely<unknown>): Promise<void> {
    await schema
      .createTable("known_places")
      .addColumn("place_hash", "blob", (column) => column.primaryKey().check(sql`length(place_hash) = 32`))
      .addColumn("user_id", "text", (column) => column.notNull())
      .addColumn("kind", "text", (column) => column.notNull())
      .addColumn("last_used_at", "integer", (column) => column.notNull())
      .modifyEnd(sql`strict`)
      .execute();
    await schema
      .createIndex("known_places_by_user_id_kind_last_used_at")
      .on("known_places")
      .columns(["user_id", "kind", "last_used_at"])
      .execute();
    await schema
      .createIndex("known_places_by_last_used_at")
      .on("known_places")
      .columns(["last_used_at"])
      .execute();
  },
};
