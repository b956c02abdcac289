/**
 * Counts what a record would end, and ends nothing. Never too little: whoever is told "one user" must be able to rely on it. What
 * no row shows is `unknown`, and not zero: access tokens that apps got for themselves (client credentials), and all of
 * other issuers.
 *
 * Access tokens for users are JWTs, and not kept either. But each was answered together with a code or a refresh token that was spent for
 * it, and those rows say when: as many as were spent within the longest life of a token may be alive.
 */
import type { BlastRadius, Clock, Mode } from "@portcullis/protocol";
import type { SelectQueryBuilder } from "kysely";
import { type BlastRadiusOf, NOTHING } from "../../revocations/index.ts";
import { containing } from "../../storage/containing.ts";
import type { Database } from "../../storage/database.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";
import { MAX_SPENT_CODES_PER_GRANT } from "../state/spent-codes.ts";
import { EVERY_APP, type Reached, reachedBy, type Selection } from "./lineage.ts";

export interface BlastRadiusOptions {
  readonly clock: Clock;
  /** How long an access token may live that was issued at whatever time, and how far clocks may be apart. */
  readonly tokens: () => { readonly tokenLifetimeSeconds: number; readonly clockSkewSeconds: number };
  /** How the settings of apps name an API (apps/app-settings.ts). */
  readonly storedNameOf: (audience: string) => string;
}

const UNKNOWN = "unknown";
type AtMost = number | typeof UNKNOWN;

export function createBlastRadius(options: BlastRadiusOptions): BlastRadiusOf {
  return async (transaction, ...targets) => {
    const count = (mode: Mode, reached: Reached) =>
      "atMost" in reached ? reached.atMost : new Counting({ transaction, mode, options }).count(reached);
    // Of one user as a rule, who must not be counted once for each.
    if (targets.length > 0 && targets.every(({ scope, mode }) => scope === "session" && mode === "kill"))
      return count("kill", { sessions: targets.map(({ key }) => key as string), endsSessions: true });
    let all = NOTHING;
    for (const { scope, key, mode } of targets) all = sumOf(all, await count(mode, reachedBy(scope, key)));
    return all;
  };
}

function sumOf(one: BlastRadius, other: BlastRadius): BlastRadius {
  const add = (left: AtMost, right: AtMost): AtMost =>
    left === UNKNOWN || right === UNKNOWN ? UNKNOWN : left + right;
  return {
    users: add(one.users, other.users),
    sessions: add(one.sessions, other.sessions),
    apps: add(one.apps, other.apps),
    tokens: add(one.tokens, other.tokens),
  };
}

interface CountingParts {
  readonly transaction: WriteTransaction;
  readonly mode: Mode;
  readonly options: BlastRadiusOptions;
}

/** What the rows of one selection say, in the transaction that would end them. */
class Counting {
  readonly #db: WriteTransaction["db"];
  readonly #mode: Mode;
  readonly #options: BlastRadiusOptions;
  /** What ends after it may be alive for some server. Seconds. */
  readonly #liveAfter: number;

  constructor({ transaction, mode, options }: CountingParts) {
    this.#db = transaction.db;
    this.#mode = mode;
    this.#options = options;
    this.#liveAfter = wholeSeconds(options.clock) - options.tokens().clockSkewSeconds;
  }

  async count(selection: Selection): Promise<BlastRadius> {
    const machines = await this.#machines(selection);
    return {
      users: await this.#users(selection),
      sessions: this.#endsSessions(selection) ? await this.#sessions(selection) : 0,
      apps: await this.#apps(selection, machines),
      tokens: machines.length > 0 ? UNKNOWN : await this.#tokens(selection),
    };
  }

  /** `stale` ends no session: its next refresh brings what is current. */
  #endsSessions({ endsSessions = false }: Selection): boolean {
    return endsSessions && this.#mode === "kill";
  }

  async #users(selection: Selection): Promise<number> {
    const ofGrants = this.#grants(selection).select("account_id");
    if (!this.#endsSessions(selection)) return this.#rowsIn(ofGrants.distinct());
    const signedIn = this.#liveSessions(selection).select((eb) =>
      eb.ref("account_id").$notNull().as("account_id"),
    );
    return this.#rowsIn(ofGrants.union(signedIn));
  }

  #sessions(selection: Selection): Promise<number> {
    return this.#rowsIn(this.#liveSessions(selection).select("uid"));
  }

  async #apps(selection: Selection, machines: readonly string[]): Promise<number> {
    const rows = await this.#grants(selection).select("client_id").distinct().execute();
    return new Set([...rows.map(({ client_id }) => client_id), ...machines]).size;
  }

  async #tokens(selection: Selection): Promise<AtMost> {
    if (await this.#hasForgottenCodes(selection)) return UNKNOWN;
    const counts = [await this.#storedTokens(selection), await this.#accessTokens(selection)];
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Codes and refresh tokens that can still be used, and opaque access tokens. Of what is only stale, refresh tokens live on. */
  #storedTokens(selection: Selection): Promise<number> {
    const models =
      this.#mode === "kill" ? ["AuthorizationCode", "RefreshToken", "AccessToken"] : ["AccessToken"];
    return this.#rowsIn(
      this.#artefacts(selection)
        .where("model", "in", models)
        .where("consumed_at", "is", null)
        .where("expires_at", ">", this.#liveAfter),
    );
  }

  async #accessTokens(selection: Selection): Promise<number> {
    const since = this.#oldestIssuing();
    const refreshed = await this.#rowsIn(
      this.#artefacts(selection).where("model", "=", "RefreshToken").where("consumed_at", ">", since),
    );
    return refreshed + (await this.#rowsIn(this.#spentCodes(selection).where("spent_at", ">", since)));
  }

  /** Of a grant that spends codes faster than they are kept, some are not counted. */
  async #hasForgottenCodes(selection: Selection): Promise<boolean> {
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

  #grants({ sessions, grant, subject, client, audience }: Selection) {
    let query = this.#db.selectFrom("oidc_grants");
    if (sessions !== undefined) query = query.where("session_uid", "in", sessions);
    if (grant !== undefined) query = query.where("id", "=", grant);
    if (subject !== undefined) query = query.where("account_id", "=", subject);
    if (client !== undefined) query = query.where("client_id", "=", client);
    // A grant that names it anywhere: too many at most, and never too few.
    return audience === undefined ? query : query.where(containing("payload", audience));
  }

  #liveSessions({ sessions, subject }: Selection) {
    const live = this.#db
      .selectFrom("oidc_sessions")
      .where("account_id", "is not", null)
      .where("ended_at", "is", null)
      .where("expires_at", ">", this.#liveAfter);
    if (sessions !== undefined) return live.where("uid", "in", sessions);
    return subject === undefined ? live : live.where("account_id", "=", subject);
  }

  #artefacts(selection: Selection) {
    const grants = this.#grants(selection).select("id");
    return this.#db.selectFrom("oidc_artefacts").select("id_hash").where("grant_id", "in", grants);
  }

  #spentCodes(selection: Selection) {
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
