/**
 * What ends with what: user -> session -> grant -> codes, refresh tokens, opaque access tokens; consent -> grant. A
 * consent outlives sessions and grants, and ends by its withdrawal alone. JWT access tokens end through the log. Ending happens in the transaction that appends the revocation: neither holds without the
 * other.
 *
 * Fails closed: a scope that is added later and not named here does not compile.
 */
import type { BlastRadius, Clock, Scope } from "@portcullis/protocol";
import { type Expression, type SelectQueryBuilder, sql } from "kysely";
import { type EndBelow, type RevocationTarget, UNCOUNTED } from "../../revocations/index.ts";
import { countDeleted } from "../../storage/count-deleted.ts";
import type { Database } from "../../storage/database.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";
import { lockAll } from "../state/lock-parents.ts";

interface Ending extends Lineage {
  /** Makes a successor, and retires the key, if it is one of ours. */
  retireKey(kid: string): Promise<void>;
}

type End = (ending: Ending, key: RevocationTarget["key"]) => Promise<unknown>;

const nothing: End = async () => {};

/** In place of one app. */
export const EVERY_APP = Symbol("every app");

/** Rows that a record reaches: all for which everything holds that is named. */
export interface Selection {
  readonly sessions?: readonly string[];
  readonly grant?: string;
  readonly subject?: string;
  readonly client?: string;
  readonly audience?: string;
  /** Whether a kill ends the sessions, and not only what hangs below. */
  readonly endsSessions?: boolean;
  /** Whose tokens it reaches that an app got for itself. */
  readonly ownTokensOf?: string | typeof EVERY_APP;
}

/** What may be counted: rows, or a bound that holds without them. */
export type Reached = Selection | { readonly atMost: BlastRadius };

interface Below {
  /** What a `kill` ends here. `stale` ends nothing: the next refresh brings what is current. */
  readonly end: End;
  /** What it reaches, for the blast radius. */
  readonly reaches: (key: RevocationTarget["key"]) => Reached;
}

/** One line a scope, of what ends and of what is counted: a scope that is added later and not named here does not compile. */
const BELOW: Readonly<Record<Scope, Below>> = {
  session: {
    end: (ending, key) => ending.endSession(text(key)),
    reaches: (key) => ({ sessions: [text(key)], endsSessions: true }),
  },
  grant: { end: (ending, key) => ending.endGrant(text(key)), reaches: (key) => ({ grant: text(key) }) },
  /** A client that acts for itself is the subject of its tokens. */
  subject: {
    end: (ending, key) => ending.endSubject(text(key)),
    reaches: (key) => ({ subject: text(key), endsSessions: true, ownTokensOf: text(key) }),
  },
  client: {
    end: (ending, key) => ending.endClient(text(key)),
    reaches: (key) => ({ client: text(key), ownTokensOf: text(key) }),
  },
  "subject-client": {
    end: (ending, key) => ending.endSubjectClient(key as { subject: string; client: string }),
    reaches: (key) => pair(key),
  },
  issuer: {
    end: (ending) => ending.endEverything(),
    reaches: () => ({ endsSessions: true, ownTokensOf: EVERY_APP }),
  },
  /** One access token, and nothing that was made from it. */
  token: { end: nothing, reaches: () => ({ atMost: { users: 1, sessions: 0, apps: 1, tokens: 1 } }) },
  /** Tokens for one API: their sessions reach other APIs too. */
  audience: {
    end: nothing,
    reaches: (key) => ({ audience: text(key), ownTokensOf: EVERY_APP }),
  },
  organization: { end: nothing, reaches: () => ({ atMost: UNCOUNTED }) },
  /** The user's tokens for one API, or in one organization: the grant is for others too, and a refresh for them goes on. */
  "subject-audience": { end: nothing, reaches: (key) => pair(key) },
  /** No row says which organization a grant is for: all of the user's, at most. */
  "subject-organization": { end: nothing, reaches: (key) => pair(key) },
  /** Nothing is kept of who holds which key. */
  "dpop-key": { end: nothing, reaches: () => ({ atMost: UNCOUNTED }) },
  /** Whatever was signed with it: nobody counts by key. Sessions live on. */
  key: { end: (ending, key) => ending.retireKey(text(key)), reaches: () => ({ ownTokensOf: EVERY_APP }) },
};

export const reachedBy = (scope: Scope, key: RevocationTarget["key"]): Reached => BELOW[scope].reaches(key);

const text = (key: RevocationTarget["key"]): string => key as string;

function pair(key: RevocationTarget["key"]): Selection {
  const { subject, client, audience } = key as { subject: string; client?: string; audience?: string };
  const other = {
    ...(client === undefined ? {} : { client }),
    ...(audience === undefined ? {} : { audience }),
  };
  return { subject, ...other, ownTokensOf: subject };
}

export interface EndBelowOptions {
  readonly clock: Clock;
  /** Makes a successor, and retires the key, if it is one of ours. */
  readonly retireKey: (
    transaction: WriteTransaction,
    retirement: { readonly kid: string; readonly reason: string; readonly actor?: string | undefined },
  ) => Promise<void>;
}

export function createEndBelow({ clock, retireKey }: EndBelowOptions): EndBelow {
  return async (transaction, { scope, key, mode, reason, actor }) => {
    if (mode !== "kill" || transaction.isTrial) return;
    const retire = (kid: string) => retireKey(transaction, { kid, reason, actor });
    await BELOW[scope].end({ ...lineageIn(transaction, clock), retireKey: retire }, key);
  };
}

/** Returns what ends some sessions and all below them, in the transaction that appends the revocations. */
export const createEndSessions =
  (clock: Clock) =>
  (transaction: WriteTransaction, uids: readonly string[]): Promise<number> =>
    lineageIn(transaction, clock).endSessions(uids);

export interface Lineage {
  /** Whether there was something to end. */
  endSession(uid: string): Promise<boolean>;
  /** Gives how many there were to end. */
  endSessions(uids: readonly string[]): Promise<number>;
  endGrant(id: string): Promise<boolean>;
  endSubject(accountId: string): Promise<void>;
  endClient(clientId: string): Promise<void>;
  endSubjectClient(pair: { subject: string; client: string }): Promise<void>;
  endEverything(): Promise<void>;
}

/** Some ten milliseconds, with all that hangs below them. */
const GRANTS_PER_STEP = 250;

/** Ids, behind `in`. */
type Grants = Expression<string> | SelectQueryBuilder<Database, "oidc_grants", { id: string }>;

/** One parameter, and so one prepared statement, however many there are. For SQLite. */
const listed = (ids: readonly string[]): Expression<string> =>
  sql<string>`(select value from json_each(${JSON.stringify(ids)}))`;

export function lineageIn(transaction: WriteTransaction, clock: Clock): Lineage {
  const { db } = transaction;
  const sessions = () => db.selectFrom("oidc_sessions").select("uid").where("ended_at", "is", null);
  const grants = () => db.selectFrom("oidc_grants").select("id");

  // One statement a table, or a step, however many there are: a round for each of 100,000 sessions would hold up the
  // process for seconds, and leases would end meanwhile.
  // Parents are locked before children are deleted: a code that is being put below one at this moment comes first, and
  // is deleted with the others, or comes later, and finds its parent ended.
  async function endSessions(chosen: ReturnType<typeof sessions>): Promise<number> {
    await lockAll(transaction, chosen.orderBy("uid"));
    await endGrants(grants().where("session_uid", "in", chosen));
    await db.deleteFrom("oidc_artefacts").where("session_uid", "in", chosen).execute();
    await db.deleteFrom("oidc_session_ids").where("session_uid", "in", chosen).execute();
    await db.deleteFrom("account_form_tokens").where("session_uid", "in", chosen).execute();
    const ended = { ended_at: wholeSeconds(clock), payload: "{}" };
    const { numUpdatedRows } = await db
      .updateTable("oidc_sessions")
      .set(ended)
      .where("uid", "in", chosen)
      .executeTakeFirstOrThrow();
    return Number(numUpdatedRows);
  }

  async function endGrants(chosen: ReturnType<typeof grants>): Promise<number> {
    await lockAll(transaction, chosen.orderBy("id"));
    if (transaction.nextStep === undefined) return endLockedGrants(chosen);
    let ended = 0;
    for (;;) {
      const ids = (await chosen.limit(GRANTS_PER_STEP).execute()).map(({ id }) => id);
      if (ids.length > 0) ended += await endLockedGrants(listed(ids));
      if (ids.length < GRANTS_PER_STEP) return ended;
      await transaction.nextStep();
    }
  }

  async function endLockedGrants(chosen: Grants): Promise<number> {
    await remember(chosen);
    await db.deleteFrom("oidc_artefacts").where("grant_id", "in", chosen).execute();
    await db.deleteFrom("oidc_refresh_successors").where("grant_id", "in", chosen).execute();
    return countDeleted(db.deleteFrom("oidc_grants").where("id", "in", chosen));
  }

  async function remember(chosen: Grants): Promise<void> {
    const ended = db
      .selectFrom("oidc_grants")
      .select([
        "id",
        "session_uid",
        "account_id",
        "client_id",
        sql<number>`${wholeSeconds(clock)}`.as("ended_at"),
      ])
      .where("id", "in", chosen);
    await db
      .insertInto("oidc_ended_grants")
      .columns(["id", "session_uid", "account_id", "client_id", "ended_at"])
      .expression(ended)
      .onConflict((conflict) => conflict.column("id").doNothing())
      .execute();
  }

  return {
    endSession: async (uid) => (await endSessions(sessions().where("uid", "=", uid))) > 0,
    endSessions: (uids) => endSessions(sessions().where("uid", "in", uids)),
    endGrant: async (id) => (await endGrants(grants().where("id", "=", id))) > 0,
    async endSubject(accountId) {
      await endSessions(sessions().where("account_id", "=", accountId));
      await db.deleteFrom("oidc_artefacts").where("account_id", "=", accountId).execute();
    },
    async endClient(clientId) {
      await endGrants(grants().where("client_id", "=", clientId));
      await db.deleteFrom("oidc_artefacts").where("client_id", "=", clientId).execute();
    },
    // The consent with it, first: a grant that is being made of it at this moment comes first, and ends with the others.
    async endSubjectClient({ subject, client }) {
      const consents = db.deleteFrom("oidc_consents").where("account_id", "=", subject);
      await consents.where("client_id", "=", client).execute();
      await endGrants(grants().where("account_id", "=", subject).where("client_id", "=", client));
    },
    async endEverything() {
      await lockAll(transaction, sessions().orderBy("uid"));
      // Chosen without their sessions, which would be looked through at each step.
      await endGrants(grants());
      await endSessions(sessions());
      await db.deleteFrom("oidc_artefacts").where("model", "!=", "ReplayDetection").execute();
    },
  };
}
