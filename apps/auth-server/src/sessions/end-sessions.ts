/**
 * Ends some of a user's sessions, or all, in one transaction, with as few records as can be: one cutoff for the user where all end, and
 * else one for each session. The user's row is locked by the caller, so that no session is opened meanwhile.
 */
import type { Clock, DeviceType, Reason } from "@portcullis/protocol";
import type { EndBelow, RevocationTarget } from "../revocations/index.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { Appended, WriteTransaction } from "../storage/write-transaction.ts";
import { isLive } from "./live-sessions.ts";
import { isOfType, isSignedInBefore } from "./session-list.ts";

export type Which =
  | { readonly all: true }
  /** All but this one. */
  | { readonly others: string }
  | { readonly deviceType: DeviceType }
  /** Seconds: signed in before. */
  | { readonly before: number };

export interface Ending {
  readonly accountId: string;
  readonly which: Which;
  readonly reason: Reason;
  readonly actor: string;
  readonly note?: string | undefined;
}

export interface Ended {
  readonly ended: number;
  /** Undefined: there was nothing to end. */
  readonly appended: Appended | undefined;
}

export type EndSessions = (transaction: WriteTransaction, ending: Ending) => Promise<Ended>;

export interface EndSessionsOptions {
  readonly clock: Clock;
  readonly endBelow: EndBelow;
  /** Ends these and all below them; gives how many. */
  readonly endAll: (transaction: WriteTransaction, uids: readonly string[]) => Promise<number>;
}

/** Parameters of a statement are bounded. */
const SESSIONS_PER_STEP = 500;

/** What it would append, with nothing ended: for whoever asks beforehand. */
export async function endingsOf(
  transaction: WriteTransaction,
  {
    accountId,
    which,
    reason,
    now,
  }: Pick<Ending, "accountId" | "which" | "reason"> & { readonly now: number },
): Promise<RevocationTarget[]> {
  if ("all" in which) return [{ scope: "subject", key: accountId, mode: "kill", reason }];
  const uids = await chosen(transaction, { accountId, which, now });
  return uids.map((key) => ({ scope: "session", key, mode: "kill", reason }));
}

export function createEndSessions({ clock, endBelow, endAll }: EndSessionsOptions): EndSessions {
  return async (transaction, { accountId, which, reason, actor, note }) => {
    const uids = await chosen(transaction, { accountId, which, now: wholeSeconds(clock) });
    const by = { mode: "kill", reason, actor, ...(note === undefined ? {} : { note }) } as const;
    if ("all" in which) {
      const target = { scope: "subject", key: accountId, ...by } as const;
      await endBelow(transaction, target);
      return { ended: uids.length, appended: transaction.append([target]) };
    }
    if (uids.length === 0) return { ended: 0, appended: undefined };
    for (let at = 0; at < uids.length; at += SESSIONS_PER_STEP)
      await endAll(transaction, uids.slice(at, at + SESSIONS_PER_STEP));
    const drafts = uids.map((key) => ({ scope: "session", key, ...by }) as const);
    return { ended: uids.length, appended: transaction.append(drafts) };
  };
}

async function chosen(
  { db, lockRows }: WriteTransaction,
  { accountId, which, now }: Pick<Ending, "accountId" | "which"> & { readonly now: number },
): Promise<string[]> {
  const live = db
    .selectFrom("oidc_sessions")
    .select("uid")
    .where("account_id", "=", accountId)
    .where(isLive(now))
    .orderBy("uid");
  const rows = await lockRows(
    live
      .$if("others" in which, (query) => query.where("uid", "!=", "others" in which ? which.others : ""))
      .$if("deviceType" in which, (query) =>
        query.where(isOfType("deviceType" in which ? which.deviceType : "other")),
      )
      .$if("before" in which, (query) => query.where(isSignedInBefore("before" in which ? which.before : 0))),
  ).execute();
  return rows.map(({ uid }) => uid);
}
