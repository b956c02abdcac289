import { type Expression, type SqlBool, sql } from "kysely";

/** What names of apps and APIs are compared by. */
export const nameKeyOf = (name: string): string => name.normalize("NFKC").toLowerCase();

/** A condition on the column `name_key`. */
export const beginsWith = (name: string): Expression<SqlBool> =>
  sql<SqlBool>`name_key like ${`${nameKeyOf(name).replaceAll(/[\\%_]/g, "\\$&")}%`} escape '\\'`;
