/** How long sessions live, how many there may be, and how long tokens for scripts may live: one policy, `default`, until organizations have their own. */
import type { Clock, PolicySettings, TokenPolicy } from "@portcullis/protocol";
import type { Kysely, Selectable } from "kysely";
import type { Database } from "../storage/database.ts";
import type { Storage } from "../storage/storage.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { PoliciesTable } from "../storage/tables/sessions.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";
import { type EndAll, endRunOut, type RunOut, settleRunOut } from "./end-run-out.ts";
import { sessionsError } from "./errors.ts";

export type SessionLimit = NonNullable<PolicySettings["sessionLimit"]>;

export interface Policy extends PolicySettings {
  readonly name: string;
  readonly revision: number;
}

const NAME = "default";

export interface PoliciesOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  /** Ends these and all below them. */
  readonly endAll: EndAll;
}

export interface PolicyChange {
  readonly before: Policy;
  readonly after: PolicySettings;
  readonly actor: string;
}

export class Policies {
  readonly #options: PoliciesOptions;
  #known: Policy;

  static async open(options: PoliciesOptions): Promise<Policies> {
    return new Policies(options, await readPolicy(options.storage.read, NAME));
  }

  private constructor(options: PoliciesOptions, known: Policy) {
    this.#options = options;
    this.#known = known;
  }

  /** As this server read it last: for what only a browser is told, such as the life of a cookie. */
  get known(): Policy {
    return this.#known;
  }

  /** As it stands. In a transaction where something follows from it. Throws `unknown_policy`. */
  async read(db: Kysely<Database> = this.#options.storage.read, name = NAME): Promise<Policy> {
    this.#known = await readPolicy(db, name);
    return this.#known;
  }

  /** The policy that is to be changed, locked. Throws `unknown_policy`. */
  lock({ db, lockRows }: WriteTransaction, name: string): Promise<Policy> {
    return readPolicy(db, name, lockRows);
  }

  /** Shorter times count at once: what is over by them ends. Longer ones bring nothing back that was over by then. */
  async change(
    transaction: WriteTransaction,
    { before, after, actor }: PolicyChange,
  ): Promise<RunOut & { readonly policy: Policy }> {
    const { clock, endAll } = this.#options;
    const now = wholeSeconds(clock);
    const isOtherLife =
      after.idleSeconds !== before.idleSeconds || after.absoluteSeconds !== before.absoluteSeconds;
    if (isOtherLife) await settleRunOut(transaction, now);
    const revision = before.revision + 1;
    await transaction.db
      .updateTable("policies")
      .set({ ...columnsOf(after), revision, changed_at: now })
      .where("name", "=", before.name)
      .execute();
    const policy = { ...after, name: before.name, revision };
    return {
      policy,
      ...(isOtherLife ? await endRunOut(transaction, { clock, now, endAll, actor }) : NOTHING),
    };
  }
}

const NOTHING: RunOut = { ended: 0, appended: undefined };

type PolicyQuery = ReturnType<typeof policyQuery>;

async function readPolicy(
  db: Kysely<Database>,
  name: string,
  lock: (query: PolicyQuery) => PolicyQuery = (query) => query,
): Promise<Policy> {
  const row = await lock(policyQuery(db, name)).executeTakeFirst();
  if (row !== undefined) return policyOf(row);
  throw sessionsError("unknown_policy", {
    text: `Found ${JSON.stringify(name)}, and the only policy is ${NAME}.`,
  });
}

const policyQuery = (db: Kysely<Database>, name: string) =>
  db.selectFrom("policies").selectAll().where("name", "=", name);

function policyOf(row: Selectable<PoliciesTable>): Policy {
  const { limit_max: max, limit_per: per, limit_overflow: overflow } = row;
  const sessionLimit = max === null || per === null || overflow === null ? undefined : { max, per, overflow };
  return {
    name: row.name,
    idleSeconds: row.idle_seconds,
    absoluteSeconds: row.absolute_seconds,
    sessionLimit,
    tokens: tokenPolicyOf(row),
    revision: row.revision,
  };
}

const tokenPolicyOf = (row: Selectable<PoliciesTable>): TokenPolicy | undefined =>
  row.tokens_max_seconds === null
    ? undefined
    : { maxLifetimeSeconds: row.tokens_max_seconds, mayLackExpiry: row.tokens_may_lack_expiry === 1 };

const columnsOf = ({ idleSeconds, absoluteSeconds, sessionLimit, tokens }: PolicySettings) => ({
  idle_seconds: idleSeconds,
  absolute_seconds: absoluteSeconds,
  limit_max: sessionLimit?.max ?? null,
  limit_per: sessionLimit?.per ?? null,
  limit_overflow: sessionLimit?.overflow ?? null,
  tokens_max_seconds: tokens?.maxLifetimeSeconds ?? null,
  tokens_may_lack_expiry: tokens === undefined ? null : tokens.mayLackExpiry ? (1 as const) : (0 as const),
});
