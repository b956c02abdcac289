/**
 * How long what an app holds of a session may live, by the app's own times and those of its APIs: they are shorter than the policy's
 * where they count. Absolute: since the session's last sign-in. Idle: since then, or since the app was used last in the session,
 * which is when it got a token. So a visit to another app does not keep it alive.
 *
 * Of an app with several APIs the shortest times count for all that it holds: else it would refresh for the one, to
 * keep its access to the other.
 */
import { type Kysely, sql } from "kysely";
import type { Database } from "../../storage/database.ts";

/** Seconds. What is undefined is as the policy says. */
export interface SessionTimes {
  readonly idleSeconds?: number | undefined;
  readonly absoluteSeconds?: number | undefined;
}

export type Outlived = "idle" | "absolute";

export function shortestOf(all: readonly SessionTimes[]): SessionTimes {
  const least = (values: readonly (number | undefined)[]) => {
    const given = values.filter((value) => value !== undefined);
    return given.length === 0 ? undefined : Math.min(...given);
  };
  return {
    idleSeconds: least(all.map(({ idleSeconds }) => idleSeconds)),
    absoluteSeconds: least(all.map(({ absoluteSeconds }) => absoluteSeconds)),
  };
}

export const hasTimes = ({ idleSeconds, absoluteSeconds }: SessionTimes): boolean =>
  idleSeconds !== undefined || absoluteSeconds !== undefined;

/** Of rows of `oidc_sessions`. */
const SIGNED_IN_AT = sql`coalesce(oidc_sessions.auth_time, oidc_sessions.created_at)`;

/** A condition on `oidc_grants` joined with their sessions. `now`: seconds, as all times here. */
export const isOutlived = (times: SessionTimes, now: number) =>
  sql<boolean>`(${isTooOld(times, now)} or ${isUnused(times, now)})`;

const NEVER = sql<boolean>`(1 = 0)`;

const isTooOld = ({ absoluteSeconds }: SessionTimes, now: number) =>
  absoluteSeconds === undefined ? NEVER : sql<boolean>`(${SIGNED_IN_AT} <= ${now - absoluteSeconds})`;

/** Of an app that has nothing in the session yet. */
const isSignInUnused = ({ idleSeconds }: SessionTimes, now: number) =>
  idleSeconds === undefined ? NEVER : sql<boolean>`(${SIGNED_IN_AT} <= ${now - idleSeconds})`;

/** A refresh token that was spent, and a code that was redeemed, say when the app got its tokens. */
function isUnused({ idleSeconds }: SessionTimes, now: number) {
  if (idleSeconds === undefined) return NEVER;
  const since = now - idleSeconds;
  return sql<boolean>`(${isSignInUnused({ idleSeconds }, now)} and oidc_grants.created_at <= ${since}
    and not exists (select 1 from oidc_artefacts where oidc_artefacts.grant_id = oidc_grants.id
      and oidc_artefacts.model = 'RefreshToken' and oidc_artefacts.consumed_at > ${since})
    and not exists (select 1 from oidc_spent_codes where oidc_spent_codes.grant_id = oidc_grants.id
      and oidc_spent_codes.spent_at > ${since}))`;
}

export interface Held {
  readonly outlived: Outlived | undefined;
  /** When it is too old at the latest; undefined if these times do not say. */
  readonly endsAt: number | undefined;
}

/** One grant, or a session in which the app has none yet. */
export type HeldQuery = ({ readonly grantId: string } | { readonly sessionUid: string }) & {
  readonly times: SessionTimes;
  readonly now: number;
};

/**
 * Whether what the app holds by this grant goes on, or would go on if it got one in this session now. Undefined for what is not there.
 * Both ends ask here, for a code and for the tokens of it: where the first is more lenient, an app goes in circles between them.
 */
export async function heldBy(db: Kysely<Database>, query: HeldQuery): Promise<Held | undefined> {
  const { times, now } = query;
  const unused = "grantId" in query ? isUnused(times, now) : isSignInUnused(times, now);
  const columns = [
    sql<number | boolean>`case when ${isTooOld(times, now)} then 1 else 0 end`.as("too_old"),
    sql<number | boolean>`case when ${unused} then 1 else 0 end`.as("unused"),
    sql<number>`${SIGNED_IN_AT}`.as("signed_in_at"),
  ] as const;
  const row = await ("grantId" in query
    ? db
        .selectFrom("oidc_grants")
        .innerJoin("oidc_sessions", "oidc_sessions.uid", "oidc_grants.session_uid")
        .select(columns)
        .where("oidc_grants.id", "=", query.grantId)
        .executeTakeFirst()
    : db
        .selectFrom("oidc_sessions")
        .select(columns)
        .where("oidc_sessions.uid", "=", query.sessionUid)
        .executeTakeFirst());
  if (row === undefined) return undefined;
  const { absoluteSeconds } = times;
  const endsAt = absoluteSeconds === undefined ? undefined : row.signed_in_at + absoluteSeconds;
  if (row.too_old) return { outlived: "absolute", endsAt };
  return { outlived: row.unused ? "idle" : undefined, endsAt };
}
