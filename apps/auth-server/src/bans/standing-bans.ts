/** Which bans stand at a moment: the one place that says so, for a sign-in, a token and whoever asks what a user may do. */
import type { ExpressionBuilder, Kysely } from "kysely";
import { compiledQuery } from "../storage/compiled-query.ts";
import type { Database } from "../storage/database.ts";

export interface StandingBan {
  /** Undefined: from everything. */
  readonly api: string | undefined;
  /** Undefined: from the whole API. */
  readonly permission: string | undefined;
  /** What the user is told. */
  readonly message: string | undefined;
  /** Seconds; undefined: until it is lifted. */
  readonly until: number | undefined;
}

/** A deadline, compared with the wall clock (docs/decisions/0020-clocks-of-servers.md). `now`: seconds. */
export const stands =
  (now: number) =>
  <TB extends keyof Database>(any: ExpressionBuilder<Database, TB | "bans">) => {
    const eb = any as unknown as ExpressionBuilder<Database, "bans">;
    return eb.and([
      eb("bans.lifted_at", "is", null),
      eb.or([eb("bans.until", "is", null), eb("bans.until", ">", now)]),
    ]);
  };

/** Of a user: banned from everything. */
export const isBanned = (now: number) => (eb: ExpressionBuilder<Database, "users">) =>
  eb.exists(wholeBans(eb).where(stands(now)));

/**
 * The same, without a clock: one that has just come to its end counts until the next tidy-up. For what must not be done unless
 * somebody else may certainly sign in.
 */
export const mayBeBanned = (eb: ExpressionBuilder<Database, "users">) =>
  eb.exists(wholeBans(eb).where("bans.lifted_at", "is", null).where("bans.is_over", "=", 0));

const wholeBans = (eb: ExpressionBuilder<Database, "users">) =>
  eb
    .selectFrom("bans")
    .select("bans.id")
    .whereRef("bans.user_id", "=", "users.id")
    .where("bans.api", "is", null);

interface Asked {
  readonly userId: string;
  /** Seconds. */
  readonly now: number;
}

/** All of one user, the one that lasts longest first: it is the one to tell of. */
export async function standingBans(
  db: Kysely<Database>,
  { userId, now }: Asked,
): Promise<readonly StandingBan[]> {
  const rows = await STANDING_BANS.all(db, { userId, now });
  return rows.map(standingOf).toSorted((one, other) => endOf(other) - endOf(one));
}

const STANDING_BANS = compiledQuery((db, { userId, now }: Asked) =>
  db
    .selectFrom("bans")
    .select(["bans.api", "bans.permission", "bans.message", "bans.until"])
    .where("bans.user_id", "=", userId)
    .where(stands(now)),
);

const standingOf = (row: {
  readonly api: string | null;
  readonly permission: string | null;
  readonly message: string | null;
  readonly until: number | null;
}): StandingBan => ({
  api: row.api ?? undefined,
  permission: row.permission ?? undefined,
  message: row.message ?? undefined,
  until: row.until ?? undefined,
});

const endOf = ({ until }: StandingBan): number => until ?? Number.MAX_SAFE_INTEGER;

export const isWhole = ({ api }: StandingBan): boolean => api === undefined;

/** What the user is told on a page, with what the operator says. */
export const textOfBan = (ban: StandingBan): string =>
  `This account is banned${endTextOf(ban)}. ${ban.message ?? ""}`.trimEnd();

/** The server does not know the reader's time zone: it says which one it means. */
export function endTextOf({ until }: StandingBan): string {
  if (until === undefined) return "";
  const iso = timeOf(until);
  return ` until ${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}

export const timeOf = (seconds: number): string => new Date(seconds * 1000).toISOString();
