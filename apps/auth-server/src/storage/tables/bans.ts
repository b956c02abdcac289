import type { Generated } from "kysely";

export interface BanTables {
  bans: BansTable;
}

/** One row a ban, kept after its end: who was banned, and why, is asked later too. */
export interface BansTable {
  /** 22 characters. */
  id: string;
  user_id: string;
  /** Identifier of an API. Null: from everything. */
  api: string | null;
  /** Of the API. Null: the whole of it. */
  permission: string | null;
  /** For who administers; never for the user. */
  reason: string;
  /** What the user is told. */
  message: string | null;
  /** Seconds, as all times here. From then on it stands no more. Null: until it is lifted. */
  until: number | null;
  created_at: number;
  /** `sub` of a person, or `client_id` of an app. */
  created_by: string;
  lifted_at: number | null;
  lifted_by: string | null;
  /** 1 some time after `until`, when it has come for every server: for whoever has no clock to ask. */
  is_over: Generated<0 | 1>;
}
