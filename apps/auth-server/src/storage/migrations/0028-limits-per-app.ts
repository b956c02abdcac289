import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/**
 * Lifetimes of sessions per API, and what took the place of an app's part of a session. Columns are described in
 * storage/tables/apps.ts, oidc.ts and sessions.ts.
 */
export const addLimitsPerApp: Migration = {
  async up({ schema }: Kysely<unknown>): Promise<void> {
    for (const column of ["session_idle_seconds", "session_absolute_seconds"])
      await schema.alterTable("apis").addColumn(column, "integer").execute();
    for (const table of ["replaced_handles", "oidc_ended_grants"])
      await schema.alterTable(table).addColumn("replaced_by", "text").execute();
  },
};
