/**
 * Lists of users. Without a search: by username (or e-mail address). With one: by that of username, e-mail address and name which
 * begins with it, each user once. Both read as many rows as are shown, whatever the number of users: the order is that of an index.
 */
import { type Kysely, type SelectQueryBuilder, sql } from "kysely";
import type { Database } from "../storage/database.ts";
import type { Storage } from "../storage/storage.ts";
import { foldedName } from "./username.ts";
import type { User } from "./users.ts";

export interface UserFilter {
  /** Beginning of a username, an e-mail address or a name. */
  readonly prefix?: string | undefined;
  readonly status?: "active" | "disabled" | undefined;
  /** Only those who have it. */
  readonly role?: "administrator" | undefined;
}

/** Where a user stands in a list. */
export interface UserPlace {
  readonly key: string;
  readonly sub: string;
}

/** A user, with what it was found by. */
export type FoundUser = User & { readonly found_by: string };

export async function listUsers(
  { read }: Pick<Storage, "read">,
  filter: UserFilter,
  page: { readonly after: UserPlace | undefined; readonly limit: number },
): Promise<FoundUser[]> {
  const { after, limit } = page;
  const prefix = foldedName(filter.prefix ?? "");
  if (prefix !== "") return searched(read, { filter, prefix, after, limit });
  let query = withFilter(read.selectFrom("users"), filter)
    .selectAll("users")
    .select("users.list_key as found_by")
    .orderBy("users.list_key")
    .orderBy("users.id")
    .limit(limit);
  if (after !== undefined)
    query = query.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("users.list_key", "users.id"), ">", tuple(after.key, after.sub)),
    );
  return query.execute();
}

export async function countUsers({ read }: Pick<Storage, "read">, filter: UserFilter): Promise<number> {
  const prefix = foldedName(filter.prefix ?? "");
  const counted =
    prefix === ""
      ? withFilter(read.selectFrom("users"), filter).select(({ fn }) => fn.countAll().as("count"))
      : withFilter(found(read, prefix), filter).select(({ fn }) =>
          fn.count("user_names.user_id").distinct().as("count"),
        );
  const { count } = await counted.executeTakeFirstOrThrow();
  return Number(count);
}

interface Search {
  readonly filter: UserFilter;
  readonly prefix: string;
  readonly after: UserPlace | undefined;
  readonly limit: number;
}

function searched(read: Kysely<Database>, { filter, prefix, after, limit }: Search): Promise<FoundUser[]> {
  let query = withFilter(found(read, prefix), filter)
    .where(({ not, exists, selectFrom }) =>
      // Who has two names that begin so stands where the first of them does.
      not(
        exists(
          selectFrom("user_names as other")
            .select("other.user_id")
            .whereRef("other.user_id", "=", "user_names.user_id")
            .where("other.name_key", ">=", prefix)
            .whereRef("other.name_key", "<", "user_names.name_key"),
        ),
      ),
    )
    .selectAll("users")
    .select("user_names.name_key as found_by")
    .orderBy("user_names.name_key")
    .orderBy("user_names.user_id")
    .limit(limit);
  if (after !== undefined)
    query = query.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("user_names.name_key", "user_names.user_id"), ">", tuple(after.key, after.sub)),
    );
  return query.execute();
}

/** A prefix is a range of the order of bytes: from itself to the first text behind all that begin with it. */
const found = (read: Kysely<Database>, prefix: string) =>
  read
    .selectFrom("user_names")
    .innerJoin("users", "users.id", "user_names.user_id")
    .where("user_names.name_key", ">=", prefix)
    .where("user_names.name_key", "<", `${prefix}${LAST_CHARACTER}`);

/** No name has it: it is no character. */
const LAST_CHARACTER = "\u{10ffff}";

function withFilter<Tables extends keyof Database, Selected>(
  query: SelectQueryBuilder<Database, Tables, Selected>,
  { status, role }: UserFilter,
): SelectQueryBuilder<Database, Tables, Selected> {
  const isNull = status === "active" ? sql`is null` : sql`is not null`;
  return query
    .$if(status !== undefined, (any) => any.where(sql<boolean>`users.disabled_at ${isNull}`))
    .$if(role !== undefined, (any) => any.where(hasRole(role!)));
}

/** Few have one: they are looked up, and not all users through. */
const hasRole = (role: string) =>
  sql<boolean>`users.id in (select user_id from user_roles where role = ${role})`;
