import type { Generated } from "kysely";

export interface PeopleTables {
  users: UsersTable;
  user_names: UserNamesTable;
  deleted_users: DeletedUsersTable;
  imported_credentials: ImportedCredentialsTable;
  sign_in_attempts: SignInAttemptsTable;
  known_places: KnownPlacesTable;
}

export interface UsersTable {
  /** The subject: 22 characters, 128 random bits; of an imported user, perhaps that of the system before. Never reused, never changed. */
  id: string;
  /** As the user writes it. There is this, or an e-mail address, or both. */
  username: string | null;
  /** In its one spelling (username.ts): what is looked up. Unique. */
  username_key: string | null;
  email: string | null;
  /** In its one spelling. Unique among those that are verified: the others identify nobody. */
  email_key: string | null;
  /** 0 or 1. */
  email_verified: Generated<number>;
  /** What lists are sorted by: the username, or the e-mail address. */
  list_key: string;
  /** Of the person. */
  name: string | null;
  /** URL. */
  picture: string | null;
  /** BCP 47. */
  locale: string | null;
  /** JSON, an object (`userProfileSchema`): what apps may be told of the person, too. */
  profile: Generated<string>;
  /** JSON, an object: what the operator wants to keep of the user. */
  attributes: Generated<string>;
  /** argon2id in PHC form; after an import perhaps of another kind. Null: no password. */
  password_hash: string | null;
  /** Seconds. Null: not since the user was made. */
  password_changed_at: number | null;
  /** 0 or 1: the next sign-in asks for a new one. */
  must_change_password: Generated<number>;
  /** Seconds. */
  created_at: number;
  /** Seconds. */
  changed_at: number;
  /** Seconds; set while the user may not sign in nor refresh. */
  disabled_at: number | null;
  /** Grows with every change of this row: its ETag. */
  revision: Generated<number>;
  /** What brought the user here. */
  origin: "file" | "api" | "import";
}

/** What users are searched by: username, e-mail address and name, each in its one spelling. Written with the row of the user. */
export interface UserNamesTable {
  name_key: string;
  user_id: string;
}

/** What is left of deleted users: their `sub` is never given again, and the file does not bring them back. */
export interface DeletedUsersTable {
  id: string;
  /** What people called the user: for lists of what was. */
  label: string;
  username_key: string | null;
  /** Seconds. */
  deleted_at: number;
  /** The `sub` or client that did it. */
  deleted_by: string | null;
}

/** Ways in that an import brought and that cannot be used yet. They go with the user. */
export interface ImportedCredentialsTable {
  user_id: string;
  kind: "totp" | "upstream" | "passkey";
  /** Of those of this kind, from 0. */
  position: number;
  /** JSON, as it came. */
  content: string;
  /** Seconds. */
  imported_at: number;
}

/** Devices and groups of addresses that users signed in from, a bounded number of each a user. */
export interface KnownPlacesTable {
  /** SHA-256 of the place, the user and the user's password hash: a changed password forgets them all. */
  place_hash: Uint8Array;
  user_id: string;
  kind: "device" | "address";
  /** Seconds. */
  last_used_at: number;
}

/** Failed attempts (guess-limit.ts says by what they are counted), and turns that were given out. */
export interface SignInAttemptsTable {
  /** SHA-256 of what is counted: no address and no mistyped name is kept in clear. */
  key_hash: Uint8Array;
  /** SHA-256 of the account's name, of what is counted for one account: what `unlock` forgets. */
  account_hash: Uint8Array | null;
  failures: number;
  /** Milliseconds. No attempt is looked at before; of a turn, when it comes. */
  blocked_until: number;
  /** Milliseconds. */
  updated_at: number;
}
