import type { SigningAlgorithm } from "@portcullis/protocol";
import type { Generated } from "kysely";

export interface AppTables {
  oidc_clients: ClientsTable;
  client_secrets: ClientSecretsTable;
  deleted_clients: DeletedClientsTable;
  apis: ApisTable;
  deleted_apis: DeletedApisTable;
}

/** One row an app. */
export interface ClientsTable {
  client_id: string;
  name: string;
  /** What names are compared by: NFKC, in lower case. */
  name_key: string;
  type: "web" | "spa" | "native" | "service";
  /** JSON (apps/app-settings.ts): all that is set and that nobody searches for. */
  settings: string;
  /** JSON (apps/backchannel-logout.ts): where and how it is told of logouts, out of its settings. Null: it is not. */
  backchannel_logout: Generated<string | null>;
  /** Seconds; set by hand, and undone by hand alone. */
  disabled_at: number | null;
  /** What brought it here: the configuration file, or the API. */
  origin: Generated<"file" | "api" | "built-in">;
  /** From 1; grows with each change. */
  revision: number;
  /** Seconds. */
  created_at: number;
  /** Seconds. */
  changed_at: number;
}

/** Secrets of apps: two of one app may hold at a time. */
export interface ClientSecretsTable {
  /** 22 characters. Names it, and opens nothing. */
  id: string;
  client_id: string;
  /** SHA-256 (apps/client-secrets.ts). */
  secret_hash: Uint8Array;
  /** Seconds. */
  created_at: number;
  /** Seconds; null while it has no end. */
  expires_at: number | null;
  /** Seconds, some minutes late. */
  last_used_at: number | null;
}

/** What is left of an app that was deleted: its `client_id` is never given again, and lists can still name it. */
export interface DeletedClientsTable {
  client_id: string;
  name: string;
  /** As it was in its row: what has ended with it may have to be told yet. */
  backchannel_logout: Generated<string | null>;
  /** Seconds. */
  deleted_at: number;
  /** `sub` of a person, or the `client_id` that made the call. */
  deleted_by: string;
}

/** One row an API (a resource, RFC 8707). The server's own is in no row. */
export interface ApisTable {
  /** What tokens for it have as `aud`. */
  identifier: string;
  name: string;
  /** What names are compared by: NFKC, in lower case. */
  name_key: string;
  /** JSON: each scope, and what it lets an app do, in words. */
  permissions: string;
  access_token_ttl_seconds: number;
  /** Of the signature of its tokens. */
  algorithm: SigningAlgorithm;
  /** 0, and one more each time that the identifier is given again after a deletion. */
  edition: Generated<number>;
  /** JSON: permission to the revision that it came with; of those from the beginning none. */
  permission_editions: Generated<string>;
  /** JSON: claim to where its value comes from. */
  claims: string;
  /** JSON: permissions that users may have in personal tokens for it. */
  personal_token_permissions: Generated<string>;
  /** How long an app that has access to it may be unused in a session. Null: as the policy says, as the next. */
  session_idle_seconds: number | null;
  /** How long such an app may go on in a session after the sign-in. */
  session_absolute_seconds: number | null;
  /** Seconds; no token is issued for it while it is set. */
  disabled_at: number | null;
  origin: "file" | "api";
  /** From 1; grows with each change. */
  revision: number;
  /** Seconds. */
  created_at: number;
  /** Seconds. */
  changed_at: number;
}

/** What is left of an API that was deleted: a configuration file does not bring it back, and lists can still name it. */
export interface DeletedApisTable {
  identifier: string;
  name: string;
  /** That it had: the next API of this identifier has one more. */
  edition: Generated<number>;
  /** Seconds. */
  deleted_at: number;
  deleted_by: string;
}
