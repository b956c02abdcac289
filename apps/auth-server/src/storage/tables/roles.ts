export interface RoleTables {
  user_roles: UserRolesTable;
  admin_invitations: AdminInvitationsTable;
}

/** Who has which of the built-in roles. */
export interface UserRolesTable {
  user_id: string;
  role: "administrator";
  /** Seconds. */
  given_at: number;
  /** `sub` of a person, or the `client_id` that made the call; null when the server itself did. */
  given_by: string | null;
}

/** Links by which the first administrator is made. All are gone once there is one. */
export interface AdminInvitationsTable {
  /** SHA-256: whoever reads the database cannot use the link. */
  token_hash: Uint8Array;
  /** Seconds. */
  created_at: number;
  /** Seconds. */
  expires_at: number;
}
