import type { OpaqueTokenKind, Reason } from "@portcullis/protocol";

export interface TokenTables {
  script_tokens: ScriptTokensTable;
  script_token_cutoffs: ScriptTokenCutoffsTable;
}

/** Tokens for scripts. One that is over is kept for some time, so that its holder is told why. */
export interface ScriptTokensTable {
  /** 22 characters: the `jti`. It opens nothing. */
  id: string;
  /** SHA-256 of the token's text, which is known to its holder alone. */
  token_hash: Uint8Array;
  kind: OpaqueTokenKind;
  /** `sub` of a user, or `client_id` of an app, as `kind` says. */
  owner_id: string;
  name: string;
  /** Identifier of the API that it is for. */
  api: string;
  /** Edition of the API that it was made for. */
  api_edition: number;
  /** JSON: each permission that was chosen, and the edition of it that there was then. */
  permissions: string;
  /** JSON: list of CIDR ranges. Null: it may be used from anywhere. */
  allowed_addresses: string | null;
  /** Seconds, as all times here. */
  created_at: number;
  /** `sub` of a person, or `client_id` of an app. */
  created_by: string;
  /** Null: it has no end. A rotation brings it nearer. */
  expires_at: number | null;
  /** Head of the log as it was made: a cutoff with a greater seq has ended it. */
  horizon: number;
  /** Of the last question about it that was answered with yes, some minutes late. */
  last_used_at: number | null;
  /** Of whoever used it, as far as the verifier has said so. */
  last_used_address: string | null;
  /** `client_id` of the verifier. */
  last_used_via: string | null;
  /** Id of the token that was made in its place. */
  rotated_to: string | null;
  ended_at: number | null;
  end_reason: Reason | null;
}

/** What has ended all tokens for one API, or all that there were: one row each, which only grows. */
export interface ScriptTokenCutoffsTable {
  scope: "audience" | "issuer";
  /** Identifier of the API; empty for `issuer`. */
  key: string;
  /** A token with a smaller horizon has ended. */
  seq: number;
  reason: Reason;
  /** Seconds. */
  cut_at: number;
}
