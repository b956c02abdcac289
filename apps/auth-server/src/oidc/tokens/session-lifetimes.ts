/** How long what hangs on a session may live, for what is not looked up: cookies, and rows of refresh tokens. The session itself is asked in SQL. */
import type { Clock } from "@portcullis/protocol";
import type { Policies } from "../../sessions/policies.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";

const FOURTEEN_DAYS = 14 * 24 * 60 * 60;

/** Seconds, by the policy as it was read last. */
export interface SessionLifetimes {
  ofSession(): number;
  /** Of one that has been signed in for a while; at least a second. */
  leftOf(session: { readonly loginTs?: number | undefined }): number;
  ofRefreshToken(): number;
}

export function sessionLifetimes(policies: Pick<Policies, "known">, clock: Clock): SessionLifetimes {
  const ofSession = () => policies.known.absoluteSeconds;
  return {
    ofSession,
    leftOf({ loginTs }) {
      const now = wholeSeconds(clock);
      return Math.max(1, (loginTs ?? now) + ofSession() - now);
    },
    // Spent ones are kept for as long, to notice a reuse. One that is not used for so long is replaced by a visit, without a question.
    ofRefreshToken: () => Math.min(ofSession(), Math.max(policies.known.idleSeconds, FOURTEEN_DAYS)),
  };
}
