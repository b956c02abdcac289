import { type RawBuilder, sql } from "kysely";

/** Whether the JSON in the column has this text in it, as a value or as a name. */
export const containing = (column: string, value: string): RawBuilder<boolean> =>
  sql<boolean>`${sql.ref(column)} like ${`%${JSON.stringify(value).replace(/[\\%_]/g, "\\$&")}%`} escape '\\'`;
