/**
 * Ends what apps hold of sessions when an app's or an API's times for that become shorter, and writes down what had run out when they
 * become longer, which then stays dead.
 */
import type { Clock } from "@portcullis/protocol";
import { sql } from "kysely";
import { isLive } from "../../sessions/live-sessions.ts";
import { containing } from "../../storage/containing.ts";
import { rowRanges } from "../../storage/row-ranges.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import type { Appended, WriteTransaction } from "../../storage/write-transaction.ts";
import { clearGrants } from "../state/clear-grants.ts";
import { lockAll } from "../state/lock-parents.ts";
import { hasTimes, isOutlived, type SessionTimes } from "../state/outlived-grants.ts";

/** Each takes a record of its own. Beyond, one makes all refresh: what has ended cannot. */
const MAX_ENDED_APART = 200;
/** That are taken away in one step, where a statement holds up the process, and elsewhere, where its parameters are bounded. */
const GRANTS_PER_STEP = { holding: 40, elsewhere: 200 };
/** That are looked through at a time. Some ten milliseconds, and the fewest ways to the database that its time limit allows. */
const GRANTS_PER_RANGE = { holding: 500, elsewhere: 10_000 };

export interface TimesChange {
  /** Whose times they are. */
  readonly of: { readonly clientId: string } | { readonly api: string };
  readonly before: SessionTimes;
  readonly after: SessionTimes;
  readonly actor: string;
}

/** Gives what was appended to the log, if something has ended. */
export type EndOutlived = (
  transaction: WriteTransaction,
  change: TimesChange,
) => Promise<Appended | undefined>;

export function createEndOutlived({ clock }: { readonly clock: Clock }): EndOutlived {
  return async (transaction, { of, before, after, actor }) => {
    const isSame =
      before.idleSeconds === after.idleSeconds && before.absoluteSeconds === after.absoluteSeconds;
    if (isSame) return undefined;
    const search: Search = { of, before, after, now: wholeSeconds(clock) };
    await lockSessionsOfApps(transaction, search);
    const { over, ending: ids } = await outlived(transaction, search);
    await clear(transaction, [...over, ...ids], clock);
    if (ids.length === 0) return undefined;
    const by = { actor, note: "a shorter lifetime of sessions" } as const;
    if (ids.length <= MAX_ENDED_APART)
      return transaction.append(
        ids.map((key) => ({ scope: "grant", key, mode: "kill", reason: "revoked", ...by }) as const),
      );
    const all = "api" in of ? { scope: "audience", key: of.api } : { scope: "client", key: of.clientId };
    return transaction.append([{ ...(all as AllOf), mode: "stale", reason: "claims_changed", ...by }]);
  };
}

interface AllOf {
  readonly scope: "audience" | "client";
  readonly key: string;
}

interface Search extends Pick<TimesChange, "of" | "before" | "after"> {
  readonly now: number;
}

/** Grants that are over since before the change, and those that end by it. */
interface OutlivedGrants {
  readonly over: readonly string[];
  readonly ending: readonly string[];
}

/** Both at once and in the order of their ids, in which everybody locks. Those of sessions that are over need no end. */
async function outlived(transaction: WriteTransaction, search: Search): Promise<OutlivedGrants> {
  const { over, ending }: Record<keyof OutlivedGrants, string[]> = { over: [], ending: [] };
  if (!hasTimes(search.before) && !hasTimes(search.after)) return { over, ending };
  const { lockRows } = transaction;
  const wasOutlived = isOutlived(search.before, search.now);
  const ranges = rowRanges(transaction, {
    of: { table: "oidc_grants", id: "id" },
    rowsPerRange: sizeOf(GRANTS_PER_RANGE, transaction),
    ...("api" in search.of ? {} : { only: isWhose(search) }),
  });
  for await (const range of ranges) {
    const query = outlivedGrants(transaction, search)
      .select(["oidc_grants.id", sql<number>`case when ${wasOutlived} then 1 else 0 end`.as("was_outlived")])
      .where(range)
      .orderBy("oidc_grants.id");
    for (const { id, was_outlived } of await lockRows(query, "oidc_grants").execute())
      (was_outlived ? over : ending).push(id);
  }
  return { over: over.toSorted(), ending: ending.toSorted() };
}

/**
 * Those that end with their grants (clear-grants.ts), all of them before any grant: whoever uses one at this moment locks in that order too
 * (lock-parents.ts), and the two would wait for each other. On SQLite there is nothing to lock.
 */
async function lockSessionsOfApps(transaction: WriteTransaction, search: Search): Promise<void> {
  if (transaction.holdsProcess || transaction.isTrial) return;
  const ranges = rowRanges(transaction, {
    of: { table: "oidc_sessions", id: "uid" },
    rowsPerRange: sizeOf(GRANTS_PER_RANGE, transaction),
    only: sql<boolean>`oidc_sessions.of_app is not null`,
  });
  const above = outlivedGrants(transaction, search).select("oidc_grants.session_uid");
  for await (const range of ranges)
    await lockAll(
      transaction,
      transaction.db
        .selectFrom("oidc_sessions")
        .select("oidc_sessions.uid")
        .where(range)
        .where("oidc_sessions.of_app", "is not", null)
        .where("oidc_sessions.uid", "in", above)
        .orderBy("oidc_sessions.uid"),
    );
}

const outlivedGrants = ({ db }: WriteTransaction, search: Search) =>
  db
    .selectFrom("oidc_grants")
    .innerJoin("oidc_sessions", "oidc_sessions.uid", "oidc_grants.session_uid")
    .where(isWhose(search))
    .where(isLive(search.now))
    .where(
      sql<boolean>`(${isOutlived(search.before, search.now)} or ${isOutlived(search.after, search.now)})`,
    );

const isWhose = ({ of }: Search) =>
  "api" in of
    ? containing("oidc_grants.payload", of.api)
    : sql<boolean>`oidc_grants.client_id = ${of.clientId}`;

async function clear(transaction: WriteTransaction, ids: readonly string[], clock: Clock): Promise<void> {
  if (transaction.isTrial) return;
  const some = sizeOf(GRANTS_PER_STEP, transaction);
  for (let at = 0; at < ids.length; at += some) {
    await clearGrants(transaction, ids.slice(at, at + some), { clock });
    await transaction.nextStep();
  }
}

const sizeOf = (
  { holding, elsewhere }: { readonly holding: number; readonly elsewhere: number },
  { holdsProcess }: WriteTransaction,
): number => (holdsProcess ? holding : elsewhere);
