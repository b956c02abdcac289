import type { AccountTables } from "./tables/account.ts";
import type { ApiTables } from "./tables/api.ts";
import type { AppTables } from "./tables/apps.ts";
import type { BanTables } from "./tables/bans.ts";
import type { KeyTables } from "./tables/keys.ts";
import type { OidcTables } from "./tables/oidc.ts";
import type { OutboxTables } from "./tables/outbox.ts";
import type { PeopleTables } from "./tables/people.ts";
import type { RevocationTables } from "./tables/revocations.ts";
import type { RoleTables } from "./tables/roles.ts";
import type { SessionPolicyTables } from "./tables/sessions.ts";
import type { SpaceTables } from "./tables/space.ts";
import type { TokenTables } from "./tables/tokens.ts";

/** All tables: each feature describes its own in a file of `tables` and is added to the list here. */
export interface Database
  extends RevocationTables,
    KeyTables,
    OidcTables,
    PeopleTables,
    AccountTables,
    SessionPolicyTables,
    AppTables,
    BanTables,
    SpaceTables,
    TokenTables,
    RoleTables,
    ApiTables,
    OutboxTables {}

export type Dialect = "sqlite" | "postgres";
