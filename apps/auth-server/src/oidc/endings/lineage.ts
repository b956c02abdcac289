/**
 * What ends with what: user -> session -> grant -> codes, refresh tokens, opaque access tokens; consent -> grant; user or app -> tokens for
 * scripts, for which an API that is cut off ends them, too. A
 * consent outlives sessions and grants, and ends by its withdrawal alone. JWT access tokens end through the log. Ending happens in
 * the transaction that appends the revocation: neither holds without the other. Where there may be hundreds of thousands of rows, the
 * transaction marks that they are dead (sessions/bulk-endings.ts), and they are taken away afterwards (clear-endings.ts).
 *
 * Fails closed: a scope that is added later and not named here does not compile.
 */
import type { BlastRadius, Clock, Scope } from "@portcullis/protocol";
import { type Expression, type SqlBool, sql } from "kysely";
import { type EndBelow, type RevocationTarget, UNCOUNTED } from "../../revocations/index.ts";
import { markEnded } from "../../sessions/bulk-endings.ts";
import { countDeleted } from "../../storage/count-deleted.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";
import { cutTokensOff, endTokens, type TokenSelection } from "../../tokens/end-tokens.ts";
import { type ClearingOptions, clearGrants } from "../state/clear-grants.ts";
import { lockAll, lockAppSessionsAbove } from "../state/lock-parents.ts";

interface Ending extends Lineage {
  /** Makes a successor, and retires the key, if it is one of ours. */
  retireKey(kid: string): Promise<void>;
  /** Tokens for scripts. */
  endTokens(selection: TokenSelection): Promise<void>;
  /** All that are for this API; undefined: all that there are. */
  cutTokensOff(api: string | undefined): void;
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
    async end(ending, key) {
      await ending.endSubject(text(key));
      await ending.endTokens({ ownerId: text(key) });
    },
    reaches: (key) => ({ subject: text(key), endsSessions: true, ownTokensOf: text(key) }),
  },
  client: {
    async end(ending, key) {
      await ending.endTokens({ ownerId: text(key), kind: "key" });
      return ending.endClient(text(key));
    },
    reaches: (key) => ({ client: text(key), ownTokensOf: text(key) }),
  },
  "subject-client": {
    async end(ending, key) {
      const { subject, client } = key as { subject: string; client: string };
      await ending.endSubjectClient({ subject, client });
      // A key is of its app, which is the subject of it.
      if (subject === client) await ending.endTokens({ ownerId: client, kind: "key" });
    },
    reaches: (key) => pair(key),
  },
  issuer: {
    end(ending) {
      ending.cutTokensOff(undefined);
      return ending.endEverything();
    },
    reaches: () => ({ endsSessions: true, ownTokensOf: EVERY_APP }),
  },
  /** One access token, and nothing that was made from it; or one for scripts. */
  token: {
    end: (ending, key) => ending.endTokens({ id: text(key) }),
    reaches: () => ({ atMost: { users: 1, sessions: 0, apps: 1, tokens: 1 } }),
  },
  /** Tokens for one API: their sessions reach other APIs too. */
  audience: {
    end: async (ending, key) => ending.cutTokensOff(text(key)),
    reaches: (key) => ({ audience: text(key), ownTokensOf: EVERY_APP }),
  },
  organization: { end: nothing, reaches: () => ({ atMost: UNCOUNTED }) },
  /** The user's tokens for one API, or in one organization: the grant is for others too, and a refresh for them goes on. */
  "subject-audience": {
    end(ending, key) {
      const { subject, audience } = key as { subject: string; audience: string };
      return ending.endTokens({ ownerId: subject, api: audience });
    },
    reaches: (key) => pair(key),
  },
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
  /** Begins to take away what a bulk ending has ended. */
  readonly clearSoon: () => void;
}

export function createEndBelow({ clock, retireKey, clearSoon }: EndBelowOptions): EndBelow {
  return async (transaction, { scope, key, mode, reason, actor }) => {
    if (mode !== "kill" || transaction.isTrial) return;
    const retire = (kid: string) => retireKey(transaction, { kid, reason, actor });
    const by = { reason, now: wholeSeconds(clock) };
    const ending: Ending = {
      ...lineageIn(transaction, clock),
      retireKey: retire,
      endTokens: (selection) => endTokens(transaction, selection, by),
      cutTokensOff: (api) => cutTokensOff(transaction, api, by),
    };
    if ((await BELOW[scope].end(ending, key)) === IN_BULK) transaction.afterCommit(clearSoon);
  };
}

/** Returns what ends some sessions and all below them, in the transaction that appends the revocations. */
export const createEndSessions =
  (clock: Clock) =>
  (transaction: WriteTransaction, uids: readonly string[]): Promise<number> =>
    lineageIn(transaction, clock).endSessions(uids);

/** What hangs below is dead from the commit on, and still there. */
export const IN_BULK = "in_bulk";
type Extent = "all" | typeof IN_BULK;

export interface Lineage {
  /** Whether there was something to end. */
  endSession(uid: string): Promise<boolean>;
  /** Gives how many there were to end. */
  endSessions(uids: readonly string[]): Promise<number>;
  endGrant(id: string): Promise<boolean>;
  endSubject(accountId: string): Promise<void>;
  endClient(clientId: string): Promise<Extent>;
  endSubjectClient(pair: { subject: string; client: string }): Promise<void>;
  endEverything(): Promise<Extent>;
}

/** Of grants, and of sessions: beyond, an ending is one in bulk. Some ten milliseconds, with all that hangs below them. */
const MAX_ENDED_AT_ONCE = 200;
/** Rows that are deleted in one step. */
const ROWS_PER_STEP = 500;

/** `seq`: of the ending, where it has been committed before. */
export function lineageIn(transaction: WriteTransaction, clock: Clock, seq?: number): Lineage {
  const { db } = transaction;
  const noting = { clock, seq };
  const sessions = () => db.selectFrom("oidc_sessions").select("uid").where("ended_at", "is", null);
  const grants = () => db.selectFrom("oidc_grants").select("id");

  /** What was ended is not chosen again. Somebody may have ten thousand sessions. */
  async function inSteps(
    next: () => Promise<readonly string[]>,
    end: (ids: readonly string[]) => Promise<number>,
  ): Promise<number> {
    let ended = 0;
    for (;;) {
      const ids = await next();
      if (ids.length > 0) ended += await end(ids);
      if (ids.length < MAX_ENDED_AT_ONCE) return ended;
      await transaction.nextStep();
    }
  }

  async function endSessions(chosen: ReturnType<typeof sessions>): Promise<number> {
    if (!transaction.holdsProcess) return endTheseSessions(chosen);
    const some = chosen.limit(MAX_ENDED_AT_ONCE);
    return inSteps(
      async () => (await some.execute()).map(({ uid }) => uid),
      (uids) => endTheseSessions(sessions().where("uid", "in", uids)),
    );
  }

  // One statement a table, or a step where a statement holds up the process: a round for each would do so for seconds.
  // Parents are locked before children are deleted: a code that is being put below one at this moment comes first, and
  // is deleted with the others, or comes later, and finds its parent ended.
  async function endTheseSessions(chosen: ReturnType<typeof sessions>): Promise<number> {
    await lockAll(transaction, chosen.orderBy("uid"));
    await endGrants(grants().where("session_uid", "in", chosen), { ...noting, sessionsEnd: true });
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

  /** Sessions that apps have for themselves end with them, and so are locked first. */
  async function endGrantsAlone(chosen: ReturnType<typeof grants>): Promise<number> {
    await lockAppSessionsAbove(transaction, chosen);
    return endGrants(chosen, noting);
  }

  async function endGrants(chosen: ReturnType<typeof grants>, clearing: ClearingOptions): Promise<number> {
    await lockAll(transaction, chosen.orderBy("id"));
    if (!transaction.holdsProcess) return clearGrants(transaction, chosen, clearing);
    const some = chosen.limit(MAX_ENDED_AT_ONCE);
    return inSteps(
      async () => (await some.execute()).map(({ id }) => id),
      (ids) => clearGrants(transaction, ids, clearing),
    );
  }

  async function areFew(chosen: { execute(): Promise<readonly unknown[]> }): Promise<boolean> {
    return (await chosen.execute()).length <= MAX_ENDED_AT_ONCE;
  }

  /** What hangs below no grant and is not counted by the row: pages and pushed requests, which are capped, and opaque tokens of apps. */
  async function endWithoutGrant(condition: Expression<SqlBool>): Promise<void> {
    const some = db
      .selectFrom("oidc_artefacts")
      .select("id_hash")
      .where("grant_id", "is", null)
      .where(sql<boolean>`model <> 'ReplayDetection'`)
      .where(condition)
      .limit(ROWS_PER_STEP);
    while ((await countDeleted(db.deleteFrom("oidc_artefacts").where("id_hash", "in", some))) > 0)
      await transaction.nextStep();
  }

  function mark(scope: "client" | "issuer", key: string): Extent {
    transaction.atGroupEnd((db, seq) => markEnded(db, { scope, key, seq }));
    return IN_BULK;
  }

  return {
    endSession: async (uid) => (await endSessions(sessions().where("uid", "=", uid))) > 0,
    endSessions: (uids) => endSessions(sessions().where("uid", "in", uids)),
    endGrant: async (id) => (await endGrantsAlone(grants().where("id", "=", id))) > 0,
    async endSubject(accountId) {
      await endSessions(sessions().where("account_id", "=", accountId));
      await db.deleteFrom("oidc_artefacts").where("account_id", "=", accountId).execute();
    },
    async endClient(clientId) {
      const ofClient = grants().where("client_id", "=", clientId);
      const isBulk = !(await areFew(ofClient.limit(MAX_ENDED_AT_ONCE + 1)));
      if (!isBulk) await endGrantsAlone(ofClient);
      await endWithoutGrant(sql`client_id = ${clientId}`);
      return isBulk ? mark("client", clientId) : "all";
    },
    // The consent with it, first: a grant that is being made of it at this moment comes first, and ends with the others.
    async endSubjectClient({ subject, client }) {
      const consents = db.deleteFrom("oidc_consents").where("account_id", "=", subject);
      await consents.where("client_id", "=", client).execute();
      await endGrantsAlone(grants().where("account_id", "=", subject).where("client_id", "=", client));
    },
    async endEverything() {
      // Ended ones too: nobody looks for those that live among 300,000.
      const some = db
        .selectFrom("oidc_sessions")
        .select("uid")
        .limit(MAX_ENDED_AT_ONCE + 1);
      const isBulk = !((await areFew(some)) && (await areFew(grants().limit(MAX_ENDED_AT_ONCE + 1))));
      if (!isBulk) await endSessions(sessions());
      await endWithoutGrant(sql`true`);
      return isBulk ? mark("issuer", "") : "all";
    },
  };
}
