/** What one comparison came to. `ok` is null where there was nothing to compare. */
export interface Check {
  readonly check: "log" | "chain" | "signature" | "verifier";
  /** Name of the verifier. */
  readonly subject?: string;
  readonly ok: boolean | null;
  readonly message: string;
  /** What to do; only where something differs. */
  readonly advice?: string;
}

export const RESTORE =
  "The database was changed from outside the server. Stop the server and restore the database from a backup. The verifiers then start anew.";
export const START_ANEW =
  "Restart that verifier: it takes a new snapshot. If all verifiers differ, the log itself was changed: restore the database from a backup.";
