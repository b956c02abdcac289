import type { Generated } from "kysely";

export interface OidcTables {
  oidc_sessions: SessionsTable;
  oidc_session_ids: SessionIdsTable;
  oidc_consents: ConsentsTable;
  oidc_grants: GrantsTable;
  oidc_ended_grants: EndedGrantsTable;
  oidc_bulk_endings: BulkEndingsTable;
  oidc_artefacts: ArtefactsTable;
  oidc_spent_codes: SpentCodesTable;
  oidc_refresh_successors: RefreshSuccessorsTable;
  oidc_cookie_keys: CookieKeysTable;
}

/** One row a session (a device). An ended one stays until it expires, so that a late save cannot bring it back. */
export interface SessionsTable {
  /** 22 characters: the claim `sid`. Public, and so never accepted as a credential. */
  uid: string;
  account_id: string | null;
  /** JSON of the library's model, without its id; `{}` once ended. */
  payload: string;
  /** Of the browser that last signed in, as are the address and the type of device. */
  user_agent: string | null;
  address: string | null;
  /** What its owner calls it. */
  device_name: string | null;
  /** A `DeviceType` of sessions/device.ts; null of sessions from before there were types. */
  device_type: string | null;
  /** Methods of the last sign-in (RFC 8176), with spaces between. */
  amr: string | null;
  /** Seconds, as all times here. Of the first sign-in; before there was one, of the session. */
  created_at: number;
  /** Of the last sign-in. */
  auth_time: number | null;
  /** Of the last visit or refresh, some minutes late (sessions/last-seen.ts). */
  last_seen_at: number;
  /** At the latest; a policy may end it sooner (sessions/live-sessions.ts). */
  expires_at: number;
  ended_at: number | null;
  /** `uid` of the session that took its place. */
  replaced_by: string | null;
  /** `client_id` of the app that opened it by JSON and has it for itself: no browser leads to it, and it ends with the app's grant. */
  of_app: string | null;
  /** Head of the log when the row was made: a bulk ending beyond it ends the session. */
  horizon: Generated<number>;
}

/** Cookie values that lead to a session. More than one while tabs rotate it at once (session-store.ts). */
export interface SessionIdsTable {
  /** SHA-256 of the cookie's value. */
  id_hash: Uint8Array;
  session_uid: string;
  created_at: number;
  /** Milliseconds; null while current. After it the value leads nowhere. */
  replaced_until: number | null;
}

/** What a user has allowed a client, whatever the session: one row a pair, until it is withdrawn. */
export interface ConsentsTable {
  account_id: string;
  client_id: string;
  /** JSON: scopes and claims of OpenID Connect, and scopes per resource (oidc/state/allowed.ts). */
  allowed: string;
  /** JSON of the same shape: what the app marks as optional, and the user has unticked. */
  declined: Generated<string>;
  created_at: number;
  /** When something was added last. */
  changed_at: number;
  /** Until then all of it holds; from then on the user is asked again. Null: until it is withdrawn. */
  expires_at: number | null;
}

/** One authorization: what a client may do for a user in one session. One row a pair. Lives as long as its session, at most. */
export interface GrantsTable {
  /** 22 characters: the claim `gid`. */
  id: string;
  session_uid: string;
  account_id: string;
  client_id: string;
  payload: string;
  created_at: number;
  /** When it ends by itself, with the consent that it came of. Null: with its session. */
  expires_at: Generated<number | null>;
  /** Head of the log when the row was made: a bulk ending beyond it ends the grant. */
  horizon: Generated<number>;
}

/**
 * An ending of more than can be taken away at once. All below it with a horizon before `seq` is dead from its commit on
 * (sessions/bulk-endings.ts), and goes a little at a time; then this goes too (oidc/endings/clear-endings.ts).
 */
export interface BulkEndingsTable {
  /** Below an `audience` nothing is dead: it is an API that was deleted, and consents and grants still name it. */
  scope: "client" | "issuer" | "audience";
  /** `client_id` or identifier of the API; empty for scope `issuer`. */
  key: string;
  /** Its place in the log. */
  seq: number;
}

/** A grant that has ended, so that ending it again is known from ending what never was. Goes with its session. */
export interface EndedGrantsTable {
  id: string;
  session_uid: string;
  account_id: string;
  client_id: string;
  ended_at: number;
  /** `uid` of the session in which the app took the place of this. */
  replaced_by: string | null;
}

/** Codes, refresh tokens, opaque access tokens, interactions, pushed requests, replay marks. */
export interface ArtefactsTable {
  /** SHA-256 of model and id: the raw value is known to its holder alone. */
  id_hash: Uint8Array;
  model: string;
  payload: string;
  grant_id: string | null;
  session_uid: string | null;
  account_id: string | null;
  client_id: string | null;
  consumed_at: number | null;
  expires_at: number;
}

/** Codes that were redeemed, for as long as the grant lives that they gave tokens of: its row takes these with it. */
export interface SpentCodesTable {
  /** SHA-256 of model and code, as in the row of the code. */
  id_hash: Uint8Array;
  grant_id: string;
  client_id: string;
  /** RFC 7636, `S256`: who replays the code without its verifier has not redeemed it. Empty if there was none. */
  code_challenge: string;
  /** Seconds. Orders those of one grant, and nothing else. */
  spent_at: number;
}

/** The answer that a spent refresh token was given, for whoever repeats it within the grace. */
export interface RefreshSuccessorsTable {
  /** Hash of the spent token. */
  spent_hash: Uint8Array;
  /** Hash of the refresh token in the answer: once that one is spent too, the answer is gone. */
  successor_hash: Uint8Array;
  grant_id: string;
  client_id: string;
  /** SHA-256 of the parameters that shaped the answer. */
  request_hash: Uint8Array;
  /** The answer, AES-256-GCM under a key derived from the spent token: only its holder can open it. */
  sealed: Uint8Array;
  /** Milliseconds. */
  spent_at: number;
}

export interface CookieKeysTable {
  id: Generated<number>;
  secret: Uint8Array;
  created_at: number;
}
