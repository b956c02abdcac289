import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** Operators look revocations up by what was revoked: `GET /revocations?key=`. */
export const addSearchByKey: Migration = {
  async up({ schema }: Kysely<unknown>): Promise<void> {
    await schema.createIndex("revocations_by_key").on("revocations").columns(["key", "seq"]).execute();
  },
};
