import type { AccountTables } from "../account/tables.ts";
import type { KeyTables } from "../keys/tables.ts";
import type { OidcTables } from "../oidc/tables.ts";
import type { PeopleTables } from "../people/tables.ts";
import type { RevocationTables } from "../revocations/tables.ts";
import type { SpaceTables } from "./space/tables.ts";

/** All tables: each feature describes its own in its `tables.ts` and is added to the list here. */
export interface Database
  extends RevocationTables,
    KeyTables,
    OidcTables,
    PeopleTables,
    AccountTables,
    SpaceTables {}

export type Dialect = "sqlite" | "postgres";
