import { type CreateTableBuilder, type Kysely, PostgresAdapter, sql } from "kysely";
import type { Migration } from "kysely/migration";

// A migration sees the tables as they were when it was written, whatever they are now.
// biome-ignore lint/suspicious/noExplicitAny: there is no type for tables of the past
type AnyTables = any;

/**
 * Users with all that can be said of them, what they are found by, what is left of deleted ones, and what an import brought for ways
 * in that are to come. Columns are described in storage/tables/people.ts.
 */
export const addPeople: Migration = {
  async up(db: Kysely<AnyTables>): Promise<void> {
    await rebuildUsers(db);
    await createNames(db);
    for await (const user of users(db)) await addNames(db, user);
    await createTombstones(db);
    await createImportedCredentials(db);
    await db.schema.alterTable("sign_in_attempts").addColumn("account_hash", "blob").execute();
    await index(db, "sign_in_attempts", ["account_hash"]);
  },
};

const strict = <Table extends string, Column extends string>(table: CreateTableBuilder<Table, Column>) =>
  table.modifyEnd(sql`strict`).execute();

/** Text in the order of its bytes, which a prefix is a range of: PostgreSQL's own order is that of a language. */
const bytewise = (db: Kysely<AnyTables>) =>
  db.getExecutor().adapter instanceof PostgresAdapter ? sql`text collate "C"` : ("text" as const);

/** SQLite cannot let a column be null that could not: so a new table on both. */
async function rebuildUsers(db: Kysely<AnyTables>): Promise<void> {
  await createUsers(db);
  await copyUsers(db);
  await db.schema.dropTable("users").execute();
  await db.schema.alterTable("users_with_more").renameTo("users").execute();
  await index(db, "users", ["list_key", "id"]);
  await sql`create index users_disabled on users (list_key, id) where disabled_at is not null`.execute(db);
  await sql`create index users_active on users (list_key, id) where disabled_at is null`.execute(db);
  await sql`create unique index users_verified_email on users (email_key) where email_verified = 1`.execute(
    db,
  );
}

async function createUsers(db: Kysely<AnyTables>): Promise<void> {
  await strict(
    db.schema
      .createTable("users_with_more")
      .addColumn("id", "text", (column) => column.primaryKey().notNull())
      .addColumn("username", "text")
      .addColumn("username_key", bytewise(db), (column) => column.unique())
      .addColumn("email", "text")
      .addColumn("email_key", bytewise(db))
      .addColumn("email_verified", "integer", (column) => column.notNull().defaultTo(0))
      .addColumn("list_key", bytewise(db), (column) => column.notNull())
      .addColumn("name", "text")
      .addColumn("picture", "text")
      .addColumn("locale", "text")
      .addColumn("attributes", "text", (column) => column.notNull().defaultTo("{}"))
      .addColumn("password_hash", "text")
      .addColumn("password_changed_at", "integer")
      .addColumn("must_change_password", "integer", (column) => column.notNull().defaultTo(0))
      .addColumn("created_at", "integer", (column) => column.notNull())
      .addColumn("changed_at", "integer", (column) => column.notNull())
      .addColumn("disabled_at", "integer")
      .addColumn("revision", "integer", (column) => column.notNull().defaultTo(1))
      .addColumn("origin", "text", (column) => column.notNull()),
  );
}

/** Until now an address led to whoever had it, since the operator had written it. Where two have one, it led to neither, and does not now. */
async function copyUsers(db: Kysely<AnyTables>): Promise<void> {
  await sql`
    insert into users_with_more
      (id, username, username_key, email, email_key, email_verified, list_key, name, password_hash, created_at, changed_at,
       disabled_at, origin)
    select id, username, username_key, email, lower(email),
      case when email is not null and
        (select count(*) from users as other where lower(other.email) = lower(users.email)) = 1 then 1 else 0 end,
      username_key, name, password_hash, created_at, created_at, disabled_at, origin
    from users`.execute(db);
}

async function createNames(db: Kysely<AnyTables>): Promise<void> {
  await strict(
    db.schema
      .createTable("user_names")
      .addColumn("name_key", bytewise(db), (column) => column.notNull())
      .addColumn("user_id", "text", (column) => column.notNull())
      .addPrimaryKeyConstraint("user_names_pair", ["name_key", "user_id"]),
  );
  await index(db, "user_names", ["user_id"]);
}

interface User {
  readonly id: string;
  readonly username_key: string;
  readonly email_key: string | null;
  readonly name: string;
}

const USERS_PER_STEP = 500;

async function* users(db: Kysely<AnyTables>): AsyncGenerator<User> {
  let after = "";
  let page: User[];
  do {
    page = await db
      .selectFrom("users")
      .select(["id", "username_key", "email_key", "name"])
      .where("id", ">", after)
      .orderBy("id")
      .limit(USERS_PER_STEP)
      .execute();
    yield* page;
    after = page.at(-1)?.id ?? "";
  } while (page.length === USERS_PER_STEP);
}

async function addNames(db: Kysely<AnyTables>, { id, username_key, email_key, name }: User): Promise<void> {
  const folded = name.normalize("NFKC").toLowerCase().normalize("NFKC").trim();
  const keys = new Set([username_key, email_key ?? "", folded].filter((key) => key !== ""));
  const rows = [...keys].map((name_key) => ({ name_key, user_id: id }));
  await db.insertInto("user_names").values(rows).execute();
}

async function createTombstones(db: Kysely<AnyTables>): Promise<void> {
  await strict(
    db.schema
      .createTable("deleted_users")
      .addColumn("id", "text", (column) => column.primaryKey().notNull())
      .addColumn("label", "text", (column) => column.notNull())
      .addColumn("username_key", "text")
      .addColumn("deleted_at", "integer", (column) => column.notNull())
      .addColumn("deleted_by", "text"),
  );
  await index(db, "deleted_users", ["username_key"]);
}

async function createImportedCredentials(db: Kysely<AnyTables>): Promise<void> {
  await strict(
    db.schema
      .createTable("imported_credentials")
      .addColumn("user_id", "text", (column) => column.notNull())
      .addColumn("kind", "text", (column) => column.notNull())
      .addColumn("position", "integer", (column) => column.notNull())
      .addColumn("content", "text", (column) => column.notNull())
      .addColumn("imported_at", "integer", (column) => column.notNull())
      .addPrimaryKeyConstraint("imported_credentials_place", ["user_id", "kind", "position"]),
  );
}

const index = (db: Kysely<AnyTables>, table: string, columns: string[]): Promise<void> =>
  db.schema
    .createIndex(`${table}_by_${columns.join("_")}`)
    .on(table)
    .columns(columns)
    .execute();
