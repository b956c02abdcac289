import type { Log, LogEvent } from "@portcullis/protocol";
import { createLog } from "@portcullis/service";

/** One thing that happened. Values are names, codes and numbers: never a token, a code, a password or a URL. */
export type ReportedEvent = LogEvent;

export type Report = (event: ReportedEvent) => void;

/** What works less well than it should, or that somebody did not mean: somebody should look soon. */
const WARNINGS: ReadonlySet<string> = new Set([
  "clients_removed",
  "database_may_lose_commits",
  "oldest_rows_make_way",
  "one_address_for_all",
  "redis_unavailable",
  "requests_refused",
  "revocations_near_capacity",
  "storage_refuses_strangers",
  "storage_reserve_used",
  "storage_space_low",
  "users_of_file_ignored",
  "verifier_ahead_of_log",
]);

/** Returns what reports to the log: with an error as an error, and what is on the list above as a warning. */
export const reportTo =
  (log: Log): Report =>
  (event) => {
    if (event.error !== undefined) log.error(event);
    else if (WARNINGS.has(event.event)) log.warn(event);
    else log.info(event);
  };

export interface ReportOptions {
  readonly write: (line: string) => void;
  readonly nowMs: () => number;
}

/** Returns what writes lines as this server's process writes them. */
export const createReport = ({ write, nowMs }: ReportOptions): Report =>
  reportTo(createLog({ name: "auth-server", destination: { write }, clock: { wallMs: nowMs } }));
