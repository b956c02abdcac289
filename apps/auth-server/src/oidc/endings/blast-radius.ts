/**
 * Counts what a record would end, and ends nothing. Never too little: whoever is told "one user" must be able to rely on it. What
 * no row shows is `unknown`, and not zero: access tokens that apps got for themselves (client credentials), and all of
 * other issuers.
 *
 * Access tokens for users are JWTs, and not kept either. But each was answered together with a code or a refresh token that was spent for
 * it, and those rows say when: as many as were spent within the longest life of a token may be alive. Tokens for scripts have rows.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { BlastRadius, Clock, Mode, OpaqueTokenKind } from "@portcullis/protocol";
import { type Kysely, type SelectQueryBuilder, sql } from "kysely";
import { type BlastRadiusOf, NOTHING } from "../../revocations/index.ts";
import { IS_GRANT_OF_BULK_ENDING, IS_SESSION_OF_BULK_ENDING } from "../../sessions/bulk-endings.ts";
import { containing } from "../../storage/containing.ts";
import type { Database } from "../../storage/database.ts";
import type { Storage } from "../../storage/storage.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import { IS_CUT_OFF } from "../../tokens/end-tokens.ts";
import { MAX_SPENT_CODES_PER_GRANT } from "../state/spent-codes.ts";
import { EVERY_APP, type Reached, reachedBy, type Selection } from "./lineage.ts";

export interface BlastRadiusOptions {
  readonly storage: Pick<Storage, "read" | "dialect">;
  readonly clock: Clock;
  /** How long an access token may live that was issued at whatever time, and how far clocks may be apart. */
  readonly tokens: () => { readonly tokenLifetimeSeconds: number; readonly clockSkewSeconds: number };
  /** How the settings of apps name an API (apps/app-settings.ts). */
  readonly storedNameOf: (audience: string) => string;
}

const UNKNOWN = "unknown";
type AtMost = number | typeof UNKNOWN;

export function createBlastRadius(options: BlastRadiusOptions): BlastRadiusOf {
  return async (...targets) => {
    const count = (mode: Mode, reached: Reached) =>
      "atMost" in reached ? reached.atMost : new Counting(mode, options).count(reached);
    // Of one user as a rule, who must not be counted once for each.
    if (targets.length > 0 && targets.every(({ scope, mode }) => scope === "session" && mode === "kill"))
      return count("kill", { sessions: targets.map(({ key }) => key as string), endsSessions: true });
    let all = NOTHING;
    for (const { scope, key, mode } of targets) all = sumOf(all, await count(mode, reachedBy(scope, key)));
    return all;
  };
}

const sumOf = (one: BlastRadius, other: BlastRadius): BlastRadius => ({
  users: totalOf(one.users, other.users),
  sessions: totalOf(one.sessions, other.sessions),
  apps: totalOf(one.apps, other.apps),
  tokens: totalOf(one.tokens, other.tokens),
});

const totalOf = (one: AtMost, other: AtMost): AtMost =>
  one === UNKNOWN || other === UNKNOWN ? UNKNOWN : one + other;

/** Rows that are counted at a time, where a statement holds up the process. Some twenty milliseconds for all statements on them. */
const ROWS_PER_STEP = 400;

/** Some rows of a table, one after the other as they are stored. */
interface Range {
  readonly after: number;
  readonly upTo: number;
}

/** Those of a selection that are in the range; undefined: all. */
interface Part extends Selection {
  readonly range?: Range | undefined;
}

interface Counts {
  readonly users: number;
  readonly sessions: number;
  readonly clients: ReadonlySet<string>;
  readonly tokens: AtMost;
}

/** What the rows of one selection say. */
class Counting {
  readonly #db: Kysely<Database>;
  readonly #mode: Mode;
  readonly #options: BlastRadiusOptions;
  /** What ends after it may be alive for some server. Seconds. */
  readonly #liveAfter: number;

  constructor(mode: Mode, options: BlastRadiusOptions) {
    this.#db = options.storage.read;
    this.#mode = mode;
    this.#options = options;
    this.#liveAfter = wholeSeconds(options.clock) - options.tokens().clockSkewSeconds;
  }

  async count(selection: Selection): Promise<BlastRadius> {
    const machines = await this.#machines(selection);
    const isOfFew = [selection.sessions, selection.grant, selection.subject].some((of) => of !== undefined);
    const isAtOnce = isOfFew || this.#options.storage.dialect !== "sqlite";
    const counts = isAtOnce ? await this.#countAtOnce(selection) : await this.#countInSteps(selection);
    return {
      users: counts.users,
      sessions: counts.sessions,
      apps: new Set([...counts.clients, ...machines]).size,
      tokens: machines.length > 0 ? UNKNOWN : counts.tokens,
    };
  }

  async #countAtOnce(selection: Selection): Promise<Counts> {
    const rows = await this.#grants(selection).select("client_id").distinct().execute();
    const keys = await this.#scriptTokens(selection, "key").select("owner_id").distinct().execute();
    return {
      users: await this.#users(selection),
      sessions: this.#endsSessions(selection)
        ? await this.#rowsIn(this.#liveSessions(selection).select("uid"))
        : await this.#sessionsOfApps(selection),
      clients: new Set([...rows.map(({ client_id }) => client_id), ...keys.map(({ owner_id }) => owner_id)]),
      tokens: totalOf(
        await this.#tokens(selection),
        await this.#rowsIn(this.#scriptTokens(selection).select("id")),
      ),
    };
  }

  /** One statement over a hundred thousand grants would hold up the process. */
  async #countInSteps(selection: Selection): Promise<Counts> {
    const users = new Set<string>();
    const clients = new Set<string>();
    let sessions = 0;
    let tokens: AtMost = 0;
    // Whether a grant names an API is looked at in each range: no index says so.
    const { audience: _, ...indexed } = selection;
    for await (const range of this.#rangesOf("oidc_grants", this.#grants(indexed))) {
      const part = { ...selection, range };
      for (const row of await this.#grants(part).select(["account_id", "client_id"]).distinct().execute()) {
        users.add(row.account_id);
        clients.add(row.client_id);
      }
      tokens = totalOf(tokens, await this.#tokens(part));
      if (!this.#endsSessions(selection)) sessions += await this.#sessionsOfApps(part);
    }
    for await (const range of this.#rangesOf("script_tokens", this.#scriptTokens(selection))) {
      const rows = await this.#scriptTokens({ ...selection, range })
        .select(["kind", "owner_id"])
        .execute();
      for (const row of rows) (row.kind === "key" ? clients : users).add(row.owner_id);
      tokens = totalOf(tokens, rows.length);
    }
    if (!this.#endsSessions(selection)) return { users: users.size, sessions, clients, tokens };
    for await (const range of this.#rangesOf("oidc_sessions", this.#db.selectFrom("oidc_sessions"))) {
      const rows = await this.#liveSessions({ ...selection, range })
        .select("account_id")
        .execute();
      for (const row of rows) users.add(row.account_id!);
      sessions += rows.length;
    }
    return { users: users.size, sessions, clients, tokens };
  }

  /** `stale` ends no session: its next refresh brings what is current. */
  #endsSessions({ endsSessions = false }: Selection): boolean {
    return endsSessions && this.#mode === "kill";
  }

  /** Those that apps have for themselves, which end with their grants (state/clear-grants.ts). */
  async #sessionsOfApps(selection: Part): Promise<number> {
    const { grant, client, audience } = selection;
    const endsGrants = this.#mode === "kill" && audience === undefined && (grant ?? client) !== undefined;
    if (!endsGrants) return 0;
    const above = this.#grants(selection).select("session_uid");
    const ofApps = this.#liveSessions({}).where("of_app", "is not", null).where("uid", "in", above);
    return this.#rowsIn(ofApps.select("uid"));
  }

  async #users(selection: Selection): Promise<number> {
    const ofGrants = this.#grants(selection)
      .select("account_id")
      .union(this.#scriptTokens(selection, "personal").select("owner_id as account_id"));
    if (!this.#endsSessions(selection)) return this.#rowsIn(ofGrants);
    const signedIn = this.#liveSessions(selection).select((eb) =>
      eb.ref("account_id").$notNull().as("account_id"),
    );
    return this.#rowsIn(ofGrants.union(signedIn));
  }

  async #tokens(selection: Part): Promise<AtMost> {
    if (await this.#hasForgottenCodes(selection)) return UNKNOWN;
    const counts = [await this.#storedTokens(selection), await this.#accessTokens(selection)];
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Codes and refresh tokens that can still be used, and opaque access tokens. Of what is only stale, refresh tokens live on. */
  #storedTokens(selection: Part): Promise<number> {
    const models =
      this.#mode === "kill" ? ["AuthorizationCode", "RefreshToken", "AccessToken"] : ["AccessToken"];
    return this.#rowsIn(
      this.#artefacts(selection)
        .where("model", "in", models)
        .where("consumed_at", "is", null)
        .where("expires_at", ">", this.#liveAfter),
    );
  }

  async #accessTokens(selection: Part): Promise<number> {
    const since = this.#oldestIssuing();
    const refreshed = await this.#rowsIn(
      this.#artefacts(selection).where("model", "=", "RefreshToken").where("consumed_at", ">", since),
    );
    return refreshed + (await this.#rowsIn(this.#spentCodes(selection).where("spent_at", ">", since)));
  }

  /** Of a grant that spends codes faster than they are kept, some are not counted. */
  async #hasForgottenCodes(selection: Part): Promise<boolean> {
    const full = this.#spentCodes(selection)
      .clearSelect()
      .select("grant_id")
      .where("spent_at", ">", this.#oldestIssuing())
      .groupBy("grant_id")
      .having(({ fn }) => fn.countAll(), ">=", MAX_SPENT_CODES_PER_GRANT);
    return (await full.limit(1).executeTakeFirst()) !== undefined;
  }

  #oldestIssuing(): number {
    return this.#liveAfter - this.#options.tokens().tokenLifetimeSeconds;
  }

  /** With a turn of the event loop between. */
  async *#rangesOf(table: Ranged, rows: RowsOf): AsyncGenerator<Range> {
    const rowid = sql<number>`${sql.table(table)}.rowid`;
    for (let after = 0; ; ) {
      const some = rows
        .select(rowid.as("place"))
        .where(sql<boolean>`${rowid} > ${after}`)
        .orderBy(rowid)
        .limit(ROWS_PER_STEP);
      const { upTo } = await this.#db
        .selectFrom(some.as("some"))
        .select(({ fn }) => fn.max<number | null>("place").as("upTo"))
        .executeTakeFirstOrThrow();
      if (upTo === null) return;
      yield { after, upTo };
      after = upTo;
      await nextTurn();
    }
  }

  #grants({ sessions, grant, subject, client, audience, range }: Part) {
    let query = this.#db.selectFrom("oidc_grants").where(sql<boolean>`not ${IS_GRANT_OF_BULK_ENDING}`);
    if (sessions !== undefined) query = query.where("session_uid", "in", sessions);
    if (grant !== undefined) query = query.where("id", "=", grant);
    if (subject !== undefined) query = query.where("account_id", "=", subject);
    if (client !== undefined) query = query.where("client_id", "=", client);
    if (range !== undefined) query = query.where(within("oidc_grants", range));
    return audience === undefined ? query : query.where(isFor(audience));
  }

  /** That are ended: what is only stale makes verifiers ask anew, and the token works on. */
  #scriptTokens({ sessions, grant, subject, client, audience, range }: Part, kind?: OpaqueTokenKind) {
    let query = this.#db
      .selectFrom("script_tokens")
      .where("ended_at", "is", null)
      .where((eb) => eb.or([eb("expires_at", "is", null), eb("expires_at", ">", this.#liveAfter)]))
      .where(sql<boolean>`not ${IS_CUT_OFF}`);
    const reachesNone = this.#mode !== "kill" || sessions !== undefined || grant !== undefined;
    if (reachesNone) query = query.where(sql<boolean>`1 = 0`);
    if (subject !== undefined) query = query.where("owner_id", "=", subject);
    if (client !== undefined) query = query.where("owner_id", "=", client).where("kind", "=", "key");
    if (kind !== undefined) query = query.where("kind", "=", kind);
    if (range !== undefined) query = query.where(within("script_tokens", range));
    return audience === undefined ? query : query.where("api", "=", audience);
  }

  #liveSessions({ sessions, subject, range }: Part) {
    let live = this.#db
      .selectFrom("oidc_sessions")
      .where("account_id", "is not", null)
      .where("ended_at", "is", null)
      .where("expires_at", ">", this.#liveAfter)
      .where(sql<boolean>`not ${IS_SESSION_OF_BULK_ENDING}`);
    if (range !== undefined) live = live.where(within("oidc_sessions", range));
    if (sessions !== undefined) return live.where("uid", "in", sessions);
    return subject === undefined ? live : live.where("account_id", "=", subject);
  }

  #artefacts(selection: Part) {
    const grants = this.#grants(selection).select("id");
    return this.#db.selectFrom("oidc_artefacts").select("id_hash").where("grant_id", "in", grants);
  }

  #spentCodes(selection: Part) {
    const grants = this.#grants(selection).select("id");
    return this.#db.selectFrom("oidc_spent_codes").select("id_hash").where("grant_id", "in", grants);
  }

  /** Apps among those that are reached which can have tokens for themselves. */
  async #machines({ ownTokensOf, audience }: Selection): Promise<string[]> {
    if (ownTokensOf === undefined) return [];
    let query = this.#db
      .selectFrom("oidc_clients")
      .select("client_id")
      .where("disabled_at", "is", null)
      .where(containing("settings", "client_credentials"));
    if (ownTokensOf !== EVERY_APP) query = query.where("client_id", "=", ownTokensOf);
    if (audience !== undefined)
      query = query.where(containing("settings", this.#options.storedNameOf(audience)));
    const rows = await query.execute();
    return rows.map(({ client_id }) => client_id);
  }

  async #rowsIn<TB extends keyof Database, O>(query: SelectQueryBuilder<Database, TB, O>): Promise<number> {
    const { count } = await this.#db
      .selectFrom(query.as("found"))
      .select(({ fn }) => fn.countAll<number | string>().as("count"))
      .executeTakeFirstOrThrow();
    return Number(count);
  }
}

/**
 * A grant that names the API anywhere, or a code or refresh token below it: without a permission only these do. Too many at most. Missed is
 * an access token with no permission at all of an app that has no refresh token, once its code is gone: no row knows of it.
 */
const isFor = (audience: string) =>
  sql<boolean>`(${containing("oidc_grants.payload", audience)} or exists (select 1 from oidc_artefacts
    where oidc_artefacts.grant_id = oidc_grants.id and ${containing("oidc_artefacts.payload", audience)}))`;

type Ranged = "oidc_grants" | "oidc_sessions" | "script_tokens";
type RowsOf = SelectQueryBuilder<Database, Ranged, object>;

const within = (table: Ranged, { after, upTo }: Range) =>
  sql<boolean>`${sql.table(table)}.rowid > ${after} and ${sql.table(table)}.rowid <= ${upTo}`;
