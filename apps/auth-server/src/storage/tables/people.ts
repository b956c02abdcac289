import type { Generated } from "kysely";

export interface PeopleTables {
  users: UsersTable;
  sign_in_attempts: SignInAttemptsTable;
  known_places: KnownPlacesTable;
}

export interface UsersTable {
  /** The subject: 22 characters, 128 random bits. Never reused, never changed. */
  id: string;
  /** As the user writes it. */
  username: string;
  /** In its one spelling (username.ts): what is looked up. Unique. */
  username_key: string;
  name: string;
  email: string | null;
  /** argon2id in PHC form. */
  password_hash: string;
  /** Seconds. */
  created_at: number;
  /** Seconds; set while the user may not sign in nor refresh. */
  disabled_at: number | null;
  /** What brought the user here. */
  origin: Generated<"file">;
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
  failures: number;
  /** Milliseconds. No attempt is looked at before; of a turn, when it comes. */
  blocked_until: number;
  /** Milliseconds. */
  updated_at: number;
}
