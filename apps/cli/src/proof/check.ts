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
  "Somebody or something has changed the database behind the server's back. Stop the server and restore the database from a backup; verifiers then start anew from it.";
export const START_ANEW =
  "Restart that verifier: it takes a new snapshot. If all of them differ, it is the log that was changed: restore the database from a backup.";
