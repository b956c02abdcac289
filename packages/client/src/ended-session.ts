import type { Reason, ReplacedBy } from "@portcullis/protocol";
import { reasonOf } from "./denial.ts";

/** What the issuer says of the end of a session. */
export interface EndedSession {
  /** Absent: it ran out by itself. */
  readonly reason?: Reason;
  /** With `replaced`: the sign-in that took the place of this one. */
  readonly replacedBy?: ReplacedBy;
  /** With `banned`: what the operator tells the user, and until when, if the ban has an end (ISO 8601). */
  readonly message?: string;
  readonly until?: string;
}

/** From an issuer, or from another tab: what is not as it should be is left out, and that it has ended counts. */
export function endedSessionOf(value: unknown): EndedSession {
  const { reason, replacedBy, message, until } = (value ?? {}) as Record<string, unknown>;
  return {
    ...(reason === undefined ? {} : { reason: reasonOf(reason) }),
    ...replacedByIn(replacedBy),
    ...(typeof message === "string" ? { message } : {}),
    ...(typeof until === "string" ? { until } : {}),
  };
}

function replacedByIn(value: unknown): { readonly replacedBy?: ReplacedBy } {
  const { device, at, address } = (value ?? {}) as Record<string, unknown>;
  if (typeof device !== "string" || typeof at !== "string") return {};
  return { replacedBy: { device, at, ...(typeof address === "string" ? { address } : {}) } };
}
