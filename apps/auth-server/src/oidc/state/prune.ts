/**
 * Takes away what has expired, a little at a time: a long transaction would make all other writers wait. Only what has
 * expired for every server, whatever its clock: deleted too early, it would be missing where it still counts.
 */
import { sql } from "kysely";
import { LAST_SEEN_SLACK_SECONDS } from "../../sessions/live-sessions.ts";
import { countDeleted } from "../../storage/count-deleted.ts";
import type { Pruned, PruneTime } from "../../storage/pruning.ts";
import type { Storage } from "../../storage/storage.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";
import { REFRESH_GRACE_MS } from "./refresh-successors.ts";

const ROWS_PER_STEP = 200;
/**
 * Ended and expired sessions stay so much longer: nothing that was begun before may still save one. And as long as their
 * last access token may live, or nobody could end that by its session or grant.
 */
const SESSION_MARGIN_SECONDS = 60 * 60;

/** What a window of some seconds hangs on stays for more than any skew beyond it. */
const MARGIN_MS = 60_000;
const KEPT_ANSWER_MS = REFRESH_GRACE_MS + MARGIN_MS;

/** Deletes up to `limit` rows that had ended at this time, and gives how many it found. */
export type PruneStep = (transaction: WriteTransaction, limit: number, time: PruneTime) => Promise<number>;

/** Gives how many rows went of each table. `more`: by the name of the table. */
export async function pruneOidc(options: {
  readonly storage: Storage;
  readonly time: PruneTime;
  readonly more?: Readonly<Record<string, PruneStep>>;
}): Promise<Pruned> {
  const { storage, time, more = {} } = options;
  const { tokenLifetimeSeconds, clockSkewSeconds } = storage.log;
  const marginSeconds = SESSION_MARGIN_SECONDS + tokenLifetimeSeconds + clockSkewSeconds;
  const steps = stepsAt(time.overForAllMs, {
    session: marginSeconds,
    spentToken: tokenLifetimeSeconds + clockSkewSeconds,
  });
  const pruned: Record<string, number> = {};
  for (const [rows, step] of Object.entries({ ...steps, ...more })) {
    pruned[rows] = await repeat(storage, step, time);
  }
  return pruned;
}

/** Until nothing is left: anybody can make rows, by asking for a sign-in page, faster than one step a minute takes them. */
async function repeat(storage: Storage, step: PruneStep, time: PruneTime): Promise<number> {
  let [count, all] = [0, 0];
  do {
    count = await storage.write((transaction) => step(transaction, ROWS_PER_STEP, time));
    all += count;
  } while (count === ROWS_PER_STEP);
  return all;
}

/** Seconds that something stays beyond its end. */
interface Margins {
  readonly session: number;
  /** A refresh token that was spent shows that an access token may be alive: blast radii count it (endings/blast-radius.ts). */
  readonly spentToken: number;
}

function stepsAt(overMs: number, margins: Margins): Record<string, PruneStep> {
  const over = Math.floor(overMs / 1000);
  return {
    async oidc_artefacts({ db }, limit) {
      const old = db
        .selectFrom("oidc_artefacts")
        .select("id_hash")
        .where("expires_at", "<=", over)
        .where((eb) =>
          eb.or([
            eb("model", "!=", "RefreshToken"),
            eb("consumed_at", "is", null),
            eb("consumed_at", "<=", over - margins.spentToken),
          ]),
        )
        .limit(limit);
      return countDeleted(db.deleteFrom("oidc_artefacts").where("id_hash", "in", old));
    },
    async oidc_refresh_successors({ db }, limit) {
      const old = db
        .selectFrom("oidc_refresh_successors")
        .select("spent_hash")
        .where("spent_at", "<=", overMs - KEPT_ANSWER_MS)
        .limit(limit);
      return countDeleted(db.deleteFrom("oidc_refresh_successors").where("spent_hash", "in", old));
    },
    async oidc_session_ids({ db }, limit) {
      const old = db
        .selectFrom("oidc_session_ids")
        .select("id_hash")
        .where("replaced_until", "<=", overMs - MARGIN_MS)
        .limit(limit);
      return countDeleted(db.deleteFrom("oidc_session_ids").where("id_hash", "in", old));
    },
    async account_form_tokens({ db }, limit) {
      const old = db
        .selectFrom("account_form_tokens")
        .select("token_hash")
        .where("expires_at", "<=", over)
        .limit(limit);
      return countDeleted(db.deleteFrom("account_form_tokens").where("token_hash", "in", old));
    },
    async oidc_consents({ db }, limit) {
      const old = db
        .selectFrom("oidc_consents")
        .select(sql<string>`account_id || ' ' || client_id`.as("pair"))
        .where("expires_at", "<=", over)
        .limit(limit);
      const consents = db.deleteFrom("oidc_consents").where("expires_at", "<=", over);
      return countDeleted(consents.where(sql<string>`account_id || ' ' || client_id`, "in", old));
    },
    oidc_sessions: (transaction, limit) => pruneSessions(transaction, over - margins.session, limit),
    idle_sessions: (transaction, limit) => pruneIdle(transaction, over - margins.session, limit),
  };
}

const pruneSessions = (transaction: WriteTransaction, before: number, limit: number): Promise<number> =>
  removeSessions(transaction, sessionsIn(transaction).where("expires_at", "<=", before).limit(limit));

/** Those that nobody has used for so long. One that ended later than that has records which may still be asked for. */
async function pruneIdle(transaction: WriteTransaction, before: number, limit: number): Promise<number> {
  const { idle_seconds } = await transaction.db
    .selectFrom("policies")
    .select((eb) => eb.fn.max("idle_seconds").as("idle_seconds"))
    .executeTakeFirstOrThrow();
  const idle = sessionsIn(transaction)
    .where("account_id", "is not", null)
    .where("last_seen_at", "<=", before - Number(idle_seconds) - LAST_SEEN_SLACK_SECONDS)
    .where((eb) => eb.or([eb("ended_at", "is", null), eb("ended_at", "<=", before)]))
    .limit(limit);
  return removeSessions(transaction, idle);
}

const sessionsIn = ({ db }: WriteTransaction) => db.selectFrom("oidc_sessions").select("uid");

/**
 * Found by their time, and then put into the order in which everybody locks. Asked for in that order at once, SQLite would read all
 * 300,000 sessions by their ids, and hold up the process for a second. Their grants go here, and not by clear-grants.ts: the sessions ran
 * out by themselves, of which no app is told.
 */
async function removeSessions(
  { db, lockRows }: WriteTransaction,
  expired: ReturnType<typeof sessionsIn>,
): Promise<number> {
  const inOrder = db.selectFrom("oidc_sessions").select("uid").where("uid", "in", expired).orderBy("uid");
  const old = await lockRows(inOrder).execute();
  const uids = old.map(({ uid }) => uid);
  if (uids.length === 0) return 0;
  await db.deleteFrom("oidc_session_ids").where("session_uid", "in", uids).execute();
  await db.deleteFrom("oidc_grants").where("session_uid", "in", uids).execute();
  await db.deleteFrom("oidc_ended_grants").where("session_uid", "in", uids).execute();
  await db.deleteFrom("replaced_handles").where("session_uid", "in", uids).execute();
  await db.deleteFrom("oidc_sessions").where("uid", "in", uids).execute();
  return uids.length;
}
