export interface AccountTables {
  account_form_tokens: FormTokensTable;
}

/** One-time tokens of the account page's forms. */
export interface FormTokensTable {
  /** SHA-256 of the token. */
  token_hash: Uint8Array;
  session_uid: string;
  /** Seconds. */
  expires_at: number;
}
