/**
 * What an app hears of its session over the stream at `portcullis_session_events_endpoint`, and in the 401 of that endpoint. Members
 * are added to it, never changed: an app passes over what it does not know.
 */
import type { Reason } from "./reasons.ts";

/** Name of the one server-sent event. The stream ends with it. */
export const SESSION_ENDED_EVENT = "session-ended";

/** How often the server writes something, so that an app notices a line that is dead. */
export const SESSION_EVENTS_HEARTBEAT_MS = 15_000;

export interface SessionEnded {
  /** Absent: the session, or what the user has allowed the app, ran out by itself. */
  readonly reason?: Reason;
  /** Of reason `replaced`: the sign-in that took the place of this one. */
  readonly replacedBy?: ReplacedBy;
  /** Of reason `banned`: what the operator tells the user. */
  readonly message?: string;
  /** Of reason `banned`: ISO 8601. Absent: until the ban is lifted. */
  readonly until?: string;
}

export interface ReplacedBy {
  /** Such as `Firefox on Windows`. */
  readonly device: string;
  /** ISO 8601. */
  readonly at: string;
  /** For apps of the operator's own alone. */
  readonly address?: string;
}
