/**
 * What a change of the policy does to the sessions that there are. Before the change those are written down that are over by
 * the times of before: longer ones bring none back. After it those end that are over by the new times, with their lines in the log,
 * so that their access tokens end too.
 */
import type { Clock } from "@portcullis/protocol";
import { type Expression, type SqlBool, sql } from "kysely";
import { type NotingOptions, noteEndedGrants } from "../outbox/index.ts";
import { rowRanges } from "../storage/row-ranges.ts";
import type { Appended, WriteTransaction } from "../storage/write-transaction.ts";
import { isLive } from "./live-sessions.ts";

/** Ends these and all below them; gives how many. */
export type EndAll = (transaction: WriteTransaction, uids: readonly string[]) => Promise<number>;

export interface RunOut {
  /** Sessions. */
  readonly ended: number;
  /** Undefined: there was nothing to end. */
  readonly appended: Appended | undefined;
}

/** Each takes a record of its own. Beyond, one record makes every app refresh: those of sessions that are over cannot. */
const MAX_ENDED_APART = 1000;
/** Parameters of a statement are bounded. */
const SESSIONS_PER_STEP = 500;
/** Looked through some at a time. */
const ALL_SESSIONS = { of: { table: "oidc_sessions", id: "uid" }, rowsPerRange: 2000 } as const;
const NOTE = "a shorter policy for sessions";

export interface EndRunOutOptions {
  readonly clock: Clock;
  /** Seconds. */
  readonly now: number;
  readonly endAll: EndAll;
  readonly actor: string;
}

/**
 * Writes down which sessions are over by the policy as it stands in the transaction. `noting`: their apps are told, since a change
 * has ended them. Default: they have run out by themselves, of which nobody is told.
 */
export async function settleRunOut(
  transaction: WriteTransaction,
  now: number,
  noting?: NotingOptions,
): Promise<number> {
  let settled = 0;
  for await (const range of rowRanges(transaction, ALL_SESSIONS)) {
    if (noting !== undefined) await noteEndedGrants(transaction, grantsIn(transaction, range, now), noting);
    const { numUpdatedRows } = await transaction.db
      .updateTable("oidc_sessions")
      .set({ expires_at: now })
      .where(range)
      .where(isRunOut(now))
      .executeTakeFirstOrThrow();
    settled += Number(numUpdatedRows);
  }
  return settled;
}

/** To be called when the new policy stands in the transaction, and what was over before is written down. */
export async function endRunOut(
  transaction: WriteTransaction,
  { now, endAll, actor, clock }: EndRunOutOptions,
): Promise<RunOut> {
  const by = { actor, note: NOTE } as const;
  const uids = await someRunOut(transaction, now);
  if (uids.length === 0) return { ended: 0, appended: undefined };
  if (uids.length > MAX_ENDED_APART) {
    const ended = await settleRunOut(transaction, now, { clock });
    const refreshing = { scope: "issuer", key: undefined, mode: "stale", reason: "claims_changed" } as const;
    return { ended, appended: transaction.append([{ ...refreshing, ...by }]) };
  }
  for (let at = 0; at < uids.length && transaction.isTrial !== true; at += SESSIONS_PER_STEP)
    await endAll(transaction, uids.slice(at, at + SESSIONS_PER_STEP));
  const drafts = uids.map(
    (key) => ({ scope: "session", key, mode: "kill", reason: "revoked", ...by }) as const,
  );
  return { ended: uids.length, appended: transaction.append(drafts) };
}

/** More than end apart, if there are more. Locked in the order in which everybody locks. */
async function someRunOut(transaction: WriteTransaction, now: number): Promise<string[]> {
  const { db, lockRows } = transaction;
  const uids: string[] = [];
  for await (const range of rowRanges(transaction, ALL_SESSIONS)) {
    const query = db.selectFrom("oidc_sessions").select("uid").where(range).where(isRunOut(now));
    const rows = await lockRows(query.orderBy("uid").limit(MAX_ENDED_APART + 1)).execute();
    uids.push(...rows.map(({ uid }) => uid));
    if (uids.length > MAX_ENDED_APART) break;
  }
  return uids;
}

function grantsIn({ db }: WriteTransaction, range: Expression<SqlBool>, now: number) {
  const runOut = db.selectFrom("oidc_sessions").select("uid").where(range).where(isRunOut(now));
  return db.selectFrom("oidc_grants").select("id").where("session_uid", "in", runOut);
}

const isRunOut = (now: number) =>
  sql<boolean>`(oidc_sessions.account_id is not null and oidc_sessions.ended_at is null
    and oidc_sessions.expires_at > ${now} and not ${isLive(now)})`;
