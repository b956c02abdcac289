/**
 * When a session is over by itself: after the policy's idle time without a visit and a refresh, and after its absolute time since the
 * last sign-in. Asked in SQL at each use, with the policy as it stands there, so that a shorter one counts at once, at every server.
 *
 * Fails towards living on, by minutes: what was used must not end as idle.
 */
import { sql } from "kysely";
import { IS_GRANT_OF_BULK_ENDING, IS_SESSION_OF_BULK_ENDING } from "./bulk-endings.ts";

/**
 * How far the stored time may be behind the last use: a minute in which nothing is noted, a minute until it is stored, and one for
 * clocks that differ and for a busy machine. Visits that a killed server had not stored yet are in it.
 */
export const LAST_SEEN_SLACK_SECONDS = 180;

const ofPolicy = (column: "idle_seconds" | "absolute_seconds") =>
  sql`(select ${sql.ref(column)} from policies where name = 'default')`;

/** Of rows of `oidc_sessions`: when the policy ends it at the latest, however much it is used. Seconds. */
export const ENDS_AT = sql<number>`(coalesce(oidc_sessions.auth_time, oidc_sessions.created_at) + ${ofPolicy("absolute_seconds")})`;

/** Returns the condition on rows of `oidc_sessions`. A session of nobody has its own short life, and no policy. `now`: seconds. */
export const isLive = (now: number) =>
  sql<boolean>`(oidc_sessions.ended_at is null and oidc_sessions.expires_at > ${now} and (oidc_sessions.account_id is null or (
    oidc_sessions.last_seen_at + ${ofPolicy("idle_seconds")} + ${sql.lit(LAST_SEEN_SLACK_SECONDS)} > ${now}
    and coalesce(oidc_sessions.auth_time, oidc_sessions.created_at) + ${ofPolicy("absolute_seconds")} > ${now}))
  and not ${IS_SESSION_OF_BULK_ENDING})`;

/** Returns the condition on rows of `oidc_grants`, whose sessions are asked about apart: whether it has neither run out nor been ended. */
export const isGrantOngoing = (now: number) =>
  sql<boolean>`((oidc_grants.expires_at is null or oidc_grants.expires_at > ${now}) and not ${IS_GRANT_OF_BULK_ENDING})`;
