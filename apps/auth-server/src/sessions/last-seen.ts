/**
 * When sessions were used last, without a write for each use: visits and refreshes are gathered in memory, and stored together once a
 * minute and when the server closes. What is lost when it is killed is less than what a session may be idle beyond its time
 * (`LAST_SEEN_SLACK_SECONDS`), so that it signs nobody out.
 */
import type { Clock } from "@portcullis/protocol";
import { sql } from "kysely";
import type { Storage } from "../storage/storage.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";

/** A stored time that is younger is good enough: a session is written at most once in as long. */
const NOTED_AFTER_SECONDS = 60;
/** A statement with more would hold up other writers. */
const SESSIONS_PER_STEP = 200;

export interface LastSeenOptions {
  readonly storage: Storage;
  readonly clock: Clock;
}

export class LastSeen {
  readonly #options: LastSeenOptions;
  /** `uid` to seconds. */
  #seen = new Map<string, number>();

  constructor(options: LastSeenOptions) {
    this.#options = options;
  }

  /** It was used just now. */
  note({ uid, last_seen_at }: { readonly uid: string; readonly last_seen_at: number }): void {
    const now = wholeSeconds(this.#options.clock);
    if (now - last_seen_at >= NOTED_AFTER_SECONDS) this.#seen.set(uid, now);
  }

  /** Stores all that was noted. What cannot be stored is kept for the next time. */
  async store(): Promise<void> {
    const noted = [...this.#seen].toSorted(([left], [right]) => (left < right ? -1 : 1));
    this.#seen = new Map();
    for (let at = 0; at < noted.length; at += SESSIONS_PER_STEP) {
      try {
        const step = noted.slice(at, at + SESSIONS_PER_STEP);
        await this.#options.storage.write((transaction) => storeSeen(transaction, step));
      } catch (error) {
        this.#seen = new Map([...noted.slice(at), ...this.#seen]);
        throw error;
      }
    }
  }
}

/** Locked in the order in which everybody locks: the statement itself has none. */
async function storeSeen(
  { db, lockRows }: WriteTransaction,
  seen: readonly (readonly [uid: string, at: number])[],
): Promise<void> {
  const uids = seen.map(([uid]) => uid);
  await lockRows(
    db.selectFrom("oidc_sessions").select("uid").where("uid", "in", uids).orderBy("uid"),
  ).execute();
  const times = sql.join(seen.map(([uid, at]) => sql`(cast(${uid} as text), cast(${at} as bigint))`));
  await sql`
    with seen (uid, seen_at) as (values ${times})
    update oidc_sessions set last_seen_at = (select seen.seen_at from seen where seen.uid = oidc_sessions.uid)
    where uid in (select seen.uid from seen) and ended_at is null
      and last_seen_at < (select seen.seen_at from seen where seen.uid = oidc_sessions.uid)`.execute(db);
}
