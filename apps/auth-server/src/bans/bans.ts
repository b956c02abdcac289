/** Bans in SQL. */
import type { Ban, BanScope, Clock } from "@portcullis/protocol";
import type { Expression, ExpressionBuilder, Kysely, Selectable, SqlBool } from "kysely";
import { type Names, namesOf } from "../names/names-of.ts";
import { newIdentifier, type RandomBytes } from "../secrets/identifiers.ts";
import type { Database } from "../storage/database.ts";
import type { PruneTime } from "../storage/pruning.ts";
import type { Storage } from "../storage/storage.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { BansTable } from "../storage/tables/bans.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";
import { bansError } from "./errors.ts";
import { type StandingBan, standingBans, stands, timeOf } from "./standing-bans.ts";

export interface BansOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}

export interface BanRequest {
  readonly userId: string;
  readonly scope: BanScope;
  readonly reason: string;
  readonly message: string | undefined;
  /** Seconds. */
  readonly until: number | undefined;
  readonly actor: string;
}

/** Where a ban stands in a list: the newest first. */
export interface BanPlace {
  /** Seconds. */
  readonly createdAt: number;
  readonly id: string;
}

export interface BanFilters {
  /** `sub`. */
  readonly userId?: string | undefined;
  readonly api?: string | undefined;
  readonly status?: Ban["status"] | undefined;
}

export interface Lifting {
  readonly actor: string;
  /** Throws if this is no user whom the actor may let in again. */
  readonly requireOver: (transaction: WriteTransaction, userId: string) => Promise<void>;
}

export class Bans {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #randomBytes: RandomBytes;

  constructor({ storage, clock, randomBytes }: BansOptions) {
    this.#storage = storage;
    this.#clock = clock;
    this.#randomBytes = randomBytes;
  }

  /** Those of a user that stand now: as committed, or as a transaction sees them. */
  standing(userId: string, db: Kysely<Database> = this.#storage.read): Promise<readonly StandingBan[]> {
    return standingBans(db, { userId, now: wholeSeconds(this.#clock) });
  }

  /** Only the row: whoever calls this ends what it makes untrue in the same transaction. Gives its id. */
  async add({ db }: WriteTransaction, request: BanRequest): Promise<string> {
    const { scope } = request;
    const id = newIdentifier(this.#randomBytes);
    const row = {
      id,
      user_id: request.userId,
      api: scope === "all" ? null : scope.api,
      permission: scope === "all" ? null : (scope.permission ?? null),
      reason: request.reason,
      message: request.message ?? null,
      until: request.until ?? null,
      created_at: wholeSeconds(this.#clock),
      created_by: request.actor,
    };
    await db
      .insertInto("bans")
      .values({ ...row, lifted_at: null, lifted_by: null })
      .execute();
    return id;
  }

  /** Throws `unknown_ban`. */
  async find(id: string): Promise<Ban> {
    const row = await named(this.#storage.read).where("bans.id", "=", id).executeTakeFirst();
    if (row === undefined) return throwUnknown(id);
    return banOf(row, wholeSeconds(this.#clock), await this.#namesIn([row]));
  }

  /** Gives whether it stood. One that is over, or was lifted, stays as it is. Throws `unknown_ban`. */
  lift(id: string, { actor, requireOver }: Lifting): Promise<boolean> {
    return this.#storage.write(async (transaction) => {
      const { db, lockRows } = transaction;
      const query = db.selectFrom("bans").selectAll().where("id", "=", id);
      const row = await lockRows(query).executeTakeFirst();
      if (row === undefined) return throwUnknown(id);
      const now = wholeSeconds(this.#clock);
      if (statusOf(row, now) !== "standing") return false;
      await requireOver(transaction, row.user_id);
      await db.updateTable("bans").set({ lifted_at: now, lifted_by: actor }).where("id", "=", id).execute();
      return true;
    });
  }

  /** Marks what has come to its end. Nobody is let in by it. Gives the number of rows. */
  readonly tidy = async ({ db }: WriteTransaction, limit: number, time: PruneTime): Promise<number> => {
    const over = db
      .selectFrom("bans")
      .select("id")
      .where("is_over", "=", 0)
      .where("until", "<=", Math.floor(time.overForAllMs / 1000))
      .limit(limit);
    const { numUpdatedRows } = await db
      .updateTable("bans")
      .set({ is_over: 1 })
      .where("id", "in", over)
      .executeTakeFirstOrThrow();
    return Number(numUpdatedRows);
  };

  /** The newest first. */
  async list(filters: BanFilters, after: BanPlace | undefined, limit: number): Promise<Ban[]> {
    const now = wholeSeconds(this.#clock);
    const rows = await named(this.#storage.read)
      .where(matching(filters, now))
      .where(behind(after))
      .orderBy("bans.created_at", "desc")
      .orderBy("bans.id")
      .limit(limit)
      .execute();
    const names = await this.#namesIn(rows);
    return rows.map((row) => banOf(row, now, names));
  }

  #namesIn(rows: readonly NamedBan[]): Promise<Names> {
    const ids = rows.flatMap(({ user_id, created_by, lifted_by }) => [user_id, created_by, lifted_by]);
    return namesOf(this.#storage.read, ids);
  }

  async count(filters: BanFilters): Promise<number> {
    const { count } = await this.#storage.read
      .selectFrom("bans")
      .select(({ fn }) => fn.countAll().as("count"))
      .where(matching(filters, wholeSeconds(this.#clock)))
      .executeTakeFirstOrThrow();
    return Number(count);
  }
}

type Where = (eb: ExpressionBuilder<Database, "bans">) => Expression<SqlBool>;

const matching =
  ({ userId, api, status }: BanFilters, now: number): Where =>
  (eb) =>
    eb.and([
      ...(userId === undefined ? [] : [eb("bans.user_id", "=", userId)]),
      ...(api === undefined ? [] : [eb("bans.api", "=", api)]),
      ...(status === undefined ? [] : [OF_STATUS[status](now)(eb)]),
    ]);

const OF_STATUS: Readonly<Record<Ban["status"], (now: number) => Where>> = {
  standing: stands,
  over: (now) => (eb) => eb.and([eb("bans.lifted_at", "is", null), eb("bans.until", "<=", now)]),
  lifted: () => (eb) => eb("bans.lifted_at", "is not", null),
};

const behind =
  (place: BanPlace | undefined): Where =>
  (eb) =>
    place === undefined
      ? eb.and([])
      : eb.or([
          eb("bans.created_at", "<", place.createdAt),
          eb.and([eb("bans.created_at", "=", place.createdAt), eb("bans.id", ">", place.id)]),
        ]);

type NamedBan = Selectable<BansTable> & { readonly username: string | null };

/** With the user's name, if there still is one. */
const named = (db: Kysely<Database>) =>
  db
    .selectFrom("bans")
    .leftJoin("users", "users.id", "bans.user_id")
    .selectAll("bans")
    .select("users.username");

function banOf(row: NamedBan, now: number, names: Names): Ban {
  const { api, permission } = row;
  return {
    id: row.id,
    user: {
      sub: row.user_id,
      ...(row.username === null ? nameOf("label", names, row.user_id) : { username: row.username }),
    },
    scope: api === null ? "all" : { api, ...(permission === null ? {} : { permission }) },
    status: statusOf(row, now),
    reason: row.reason,
    ...(row.message === null ? {} : { message: row.message }),
    ...(row.until === null ? {} : { until: timeOf(row.until) }),
    createdAt: timeOf(row.created_at),
    createdBy: row.created_by,
    ...nameOf("createdByName", names, row.created_by),
    ...(row.lifted_at === null ? {} : { liftedAt: timeOf(row.lifted_at) }),
    ...(row.lifted_by === null ? {} : { liftedBy: row.lifted_by }),
    ...nameOf("liftedByName", names, row.lifted_by),
  };
}

function nameOf(member: string, names: Names, id: string | null): object {
  const name = names.get(id ?? "");
  return name === undefined ? {} : { [member]: name };
}

function statusOf(
  { lifted_at, until }: Pick<Selectable<BansTable>, "lifted_at" | "until">,
  now: number,
): Ban["status"] {
  if (lifted_at !== null) return "lifted";
  return until !== null && until <= now ? "over" : "standing";
}

function throwUnknown(id: string): never {
  const text = `Found ${JSON.stringify(id)}, and there is no ban with that id. Nothing was changed.`;
  throw bansError("unknown_ban", { text });
}
