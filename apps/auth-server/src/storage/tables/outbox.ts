export interface OutboxTables {
  outbox: OutboxTable;
}

/** One row a delivery: something that is to reach somebody after the commit of what it is about. */
export interface OutboxTable {
  /** 22 characters. Of a logout token: the grant that ended, so that no ending is told twice. */
  id: string;
  kind: "logout_token";
  /** `client_id` of the app. */
  recipient: string;
  /** `sub` of the user that it is about. */
  subject: string;
  /** `sid` of the session that it is about. */
  session_uid: string;
  /** Place in the log of what it tells; null when nothing was appended. */
  seq: number | null;
  /**
   * `pending`: it is to be tried. `dead`: it was tried as often as it may be. `delivered`, `unsupported` (the app has no address any
   * more) and `dropped` (by an operator) stay for a while, for receipts.
   */
  state: "pending" | "delivered" | "unsupported" | "dead" | "dropped";
  /** How often it was begun. */
  attempts: number;
  /** Milliseconds. When it may be tried, or tried again; of one that is under way, when whoever tries it is taken for dead. */
  next_at: number;
  /** Of the try that is under way: whoever has it alone may say how it went. */
  claim: string | null;
  /** What the last failed try came to. */
  last_error: string | null;
  /** Milliseconds. */
  created_at: number;
  /** Milliseconds; null while pending. */
  settled_at: number | null;
}
