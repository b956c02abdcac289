import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** Which sessions an app has for itself, since it signed the user in with a form of its own. */
export const addSessionsOfApps: Migration = {
  async up({ schema }: Kysely<unknown>): Promise<void> {
    await schema.alterTable("oidc_sessions").addColumn("of_app", "text").execute();
  },
};
