/** The users, in SQL. What an act on one ends is the caller's to end in the same transaction. */
import {
  type Clock,
  encodeBase64url,
  encodeIdentifier,
  IDENTIFIER_BYTES,
  isUuid,
  type UserProfile,
} from "@portcullis/protocol";
import { type Kysely, type Selectable, sql } from "kysely";
import { isBanned } from "../bans/standing-bans.ts";
import { hashOfSecret } from "../secrets/identifiers.ts";
import { compiledQuery } from "../storage/compiled-query.ts";
import type { Database } from "../storage/database.ts";
import type { Storage } from "../storage/storage.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { UsersTable } from "../storage/tables/people.ts";
import type { Appended, WriteTransaction } from "../storage/write-transaction.ts";
import { peopleError } from "./errors.ts";
import { forgetPlaces } from "./known-places.ts";
import { hashPassword } from "./password-hash.ts";
import { foldedName, usernameKey } from "./username.ts";

export type User = Selectable<UsersTable>;

/** What can be said of a user, and changed. */
export interface UserFields {
  readonly username?: string | undefined;
  readonly email?: string | undefined;
  readonly emailVerified: boolean;
  readonly name?: string | undefined;
  readonly picture?: string | undefined;
  readonly locale?: string | undefined;
  readonly profile: UserProfile;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly mustChangePassword: boolean;
}

export interface NewUser extends UserFields {
  readonly origin: User["origin"];
  /** Default: a new one. */
  readonly sub?: string | undefined;
  readonly passwordHash: string | null;
  readonly disabled?: boolean;
}

/** What is to be said of a user from now on, and who says so. */
export interface UserChange {
  readonly fields: UserFields;
  /** A `sub`, or the client that made the call. */
  readonly actor: string;
}

export interface ChangedUser {
  readonly user: User;
  /** The records of what the change made untrue; undefined when it made nothing so. */
  readonly appended: Appended | undefined;
}

/** Ends what says of the user what is true no more, in the transaction of the change. */
export type EndUntrue = (
  transaction: WriteTransaction,
  change: { readonly before: User; readonly after: User; readonly actor: string },
) => Promise<Appended | undefined>;

export interface UsersOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly randomBytes: (size: number) => Uint8Array;
  /** Here and not at who calls `update`: nobody can forget it. */
  readonly endUntrue: EndUntrue;
  /** As above. Throws `last_administrator` if nobody else who administers can sign in. */
  readonly keepAnAdministrator: (transaction: WriteTransaction, userId: string) => Promise<void>;
}

export class Users {
  readonly #options: UsersOptions;

  constructor(options: UsersOptions) {
    this.#options = options;
  }

  /** Users who may not sign in are not found. */
  findActive(id: string): Promise<User | undefined> {
    const { storage, clock } = this.#options;
    return ACTIVE_USER.first(storage.read, { id, now: wholeSeconds(clock) });
  }

  /** By what people sign in with: a username, or a verified e-mail address. The username counts where both are somebody's. */
  async findByName(name: string): Promise<User | undefined> {
    const found = await withName(this.#options.storage.read, name).limit(2).execute();
    return found.find(({ username_key }) => username_key === usernameKey(name)) ?? found[0];
  }

  /**
   * By whatever people call a user: a `sub`, a username, an e-mail address; a `sub` wins. In the transaction that goes
   * on to change something about the user. Throws `ambiguous_user` rather than guess.
   */
  async search({ db }: Pick<WriteTransaction, "db">, name: string): Promise<User | undefined> {
    const [bySub] = await db.selectFrom("users").selectAll().where("id", "=", name).execute();
    if (bySub !== undefined) return bySub;
    const found = await withName(db, name).limit(3).execute();
    if (found.length > 1) throw ambiguousUser(name, found.map(namedWithSub));
    return found[0];
  }

  /** As `search`. Throws `unknown_subject`. */
  async findNamed(transaction: Pick<WriteTransaction, "db">, name: string): Promise<User> {
    return (await this.search(transaction, name)) ?? throwUnknown(name);
  }

  /**
   * The `sub` of everybody who has it, or this username or e-mail address; of those who were deleted, who had this username: for what
   * only reads, where nobody has to choose.
   */
  async subsNamed(name: string): Promise<string[]> {
    const { read } = this.#options.storage;
    const bySub = read.selectFrom("users").selectAll().where("id", "=", name).execute();
    const byName = withName(read, name).execute();
    const deleted = read
      .selectFrom("deleted_users")
      .select("id")
      .where(({ eb, or }) => or([eb("id", "=", name), eb("username_key", "=", usernameKey(name) ?? "")]))
      .orderBy("deleted_at", "desc")
      .execute();
    const found = [...(await bySub), ...(await byName), ...(await deleted)];
    return [...new Set(found.map(({ id }) => id))];
  }

  /** Whoever a configuration file has made, by name. */
  ofFile(): Promise<User[]> {
    return this.#select().where("origin", "=", "file").orderBy("username_key").execute();
  }

  /** Whether there was a user of this name, who was deleted. */
  async wasDeleted(username: string): Promise<boolean> {
    const query = this.#options.storage.read
      .selectFrom("deleted_users")
      .select("id")
      .where("username_key", "=", usernameKey(username) ?? "");
    return (await query.limit(1).execute()).length > 0;
  }

  #select() {
    return this.#options.storage.read.selectFrom("users").selectAll();
  }

  /** Of what a person typed in, as this server keeps it. Outside of any transaction: it takes some 20 ms. */
  hashOf(password: string): Promise<string> {
    return hashPassword(password, this.#options.randomBytes);
  }

  /** Throws `username_taken`, `email_taken`, `sub_taken`. */
  async create(transaction: WriteTransaction, user: NewUser): Promise<User> {
    const { clock, randomBytes } = this.#options;
    const id = user.sub ?? encodeIdentifier(randomBytes(IDENTIFIER_BYTES));
    await assertFreeSub(transaction, id);
    await assertFreeNames(transaction, id, user);
    const now = wholeSeconds(clock);
    const row: User = {
      id,
      ...columnsOf(user),
      password_hash: user.passwordHash,
      password_changed_at: null,
      created_at: now,
      changed_at: now,
      disabled_at: user.disabled === true ? now : null,
      revision: 1,
      origin: user.origin,
    };
    await transaction.db.insertInto("users").values(row).execute();
    await insertNames(transaction, row);
    return row;
  }

  /** The row is locked. Throws `username_taken`, `email_taken`, `last_administrator`. */
  async update(
    transaction: WriteTransaction,
    before: User,
    { fields, actor }: UserChange,
  ): Promise<ChangedUser> {
    const { id } = before;
    await assertFreeNames(transaction, id, fields);
    const columns = columnsOf(fields);
    // With the last name goes the way in.
    if (namesOf(before).length > 0 && namesOf(columns).length === 0)
      await this.#options.keepAnAdministrator(transaction, id);
    const user = await this.#change(transaction, id, columns);
    await transaction.db.deleteFrom("user_names").where("user_id", "=", id).execute();
    await insertNames(transaction, user);
    return { user, appended: await this.#options.endUntrue(transaction, { before, after: user, actor }) };
  }

  /** Every place that was known to the user is a stranger's from now on. */
  async setPassword(
    transaction: WriteTransaction,
    id: string,
    { hash, mustChange }: { readonly hash: string; readonly mustChange: boolean },
  ): Promise<User> {
    await forgetPlaces(transaction, id);
    return this.#change(transaction, id, {
      password_hash: hash,
      password_changed_at: wholeSeconds(this.#options.clock),
      must_change_password: mustChange ? 1 : 0,
    });
  }

  #change(
    { db }: WriteTransaction,
    id: string,
    columns: Partial<Omit<User, "id" | "revision" | "changed_at">>,
  ): Promise<User> {
    return db
      .updateTable("users")
      .set({ ...columns, changed_at: wholeSeconds(this.#options.clock) })
      .set(({ eb }) => ({ revision: eb("revision", "+", 1) }))
      .where("id", "=", id)
      .returningAll()
      .executeTakeFirstOrThrow();
  }

  /** The same password, hashed anew: for the user and the operator nothing has changed. */
  async renewHash({ db }: WriteTransaction, id: string, hash: string): Promise<void> {
    await db.updateTable("users").set({ password_hash: hash }).where("id", "=", id).execute();
  }

  /** Locked, in the transaction that goes on to change it. Throws as `findNamed`. */
  async findRow(transaction: WriteTransaction, name: string): Promise<User> {
    const { id } = await this.findNamed(transaction, name);
    const { db, lockRows } = transaction;
    const row = lockRows(db.selectFrom("users").selectAll().where("id", "=", id));
    // Deleted while we waited for the lock.
    return (await row.executeTakeFirst()) ?? throwUnknown(name);
  }

  /** Only the row and the known places: whoever calls this ends what hangs below the user in the same transaction. */
  async disable(transaction: WriteTransaction, id: string): Promise<User> {
    await forgetPlaces(transaction, id);
    return this.#change(transaction, id, { disabled_at: wholeSeconds(this.#options.clock) });
  }

  enable(transaction: WriteTransaction, id: string): Promise<User> {
    return this.#change(transaction, id, { disabled_at: null });
  }

  /** The row is locked. A tombstone stays. As with `disable`, what hangs below is the caller's to end. */
  async remove(transaction: WriteTransaction, user: User, by: string | undefined): Promise<void> {
    const { db } = transaction;
    const tombstone = {
      id: user.id,
      label: labelOf(user),
      username_key: user.username_key,
      deleted_at: wholeSeconds(this.#options.clock),
      deleted_by: by ?? null,
    };
    await db.insertInto("deleted_users").values(tombstone).execute();
    await forgetPlaces(transaction, user.id);
    await db.deleteFrom("user_names").where("user_id", "=", user.id).execute();
    await db.deleteFrom("imported_credentials").where("user_id", "=", user.id).execute();
    await db.deleteFrom("users").where("id", "=", user.id).execute();
  }
}

/** Those who may sign in: not disabled, and not banned from everything. The one place that says so. `now`: seconds. */
const activeUsers = (db: Kysely<Database>, now: number) =>
  db
    .selectFrom("users")
    .selectAll("users")
    .where("users.disabled_at", "is", null)
    .where((eb) => eb.not(isBanned(now)(eb)));

const ACTIVE_USER = compiledQuery((db, { id, now }: { readonly id: string; readonly now: number }) =>
  activeUsers(db, now).where("users.id", "=", id),
);

/**
 * Whether the user may sign in; locked, so that of a sign-in and a disabling or a ban one comes first: what is stored for somebody
 * who signs in is stored after this, in the same transaction. Before all that hangs below the user. `now`: seconds.
 */
export async function lockActive(
  { db, lockRows }: WriteTransaction,
  id: string,
  now: number,
): Promise<boolean> {
  await lockUser({ db, lockRows }, id);
  // A statement of its own: the one that has waited for the lock does not see the ban that it has waited for.
  return (await ACTIVE_USER.first(db, { id, now })) !== undefined;
}

/** Names the password that a user has, and tells nothing of it: it goes with a sign-in from the factor to the session. */
export const passwordMarkOf = (user: Pick<User, "id" | "password_hash">): string =>
  encodeBase64url(hashOfSecret("password of a user", JSON.stringify([user.id, user.password_hash])));

/** Held until the end of the transaction: no other opens or counts anything of the user meanwhile. */
export async function lockUser(
  { db, lockRows }: Pick<WriteTransaction, "db" | "lockRows">,
  id: string,
): Promise<void> {
  await lockRows(db.selectFrom("users").select("id").where("id", "=", id)).executeTakeFirst();
}

/** Whether it is the user's still: one that was checked, and changed meanwhile, signs nobody in. The row is locked. */
export async function hasPassword({ db }: WriteTransaction, id: string, mark: string): Promise<boolean> {
  const query = db.selectFrom("users").select(["id", "password_hash"]).where("id", "=", id);
  const user = await query.executeTakeFirst();
  return user !== undefined && passwordMarkOf(user) === mark;
}

/** What the user signs in with, as it is looked up (`usernameKey`). An address that nobody has verified is no name. */
export const namesOf = ({
  username_key,
  email_key,
  email_verified,
}: Pick<User, "username_key" | "email_key" | "email_verified">): string[] =>
  [username_key, email_verified === 1 ? email_key : null].filter((key) => key !== null);

/** What people call the user. There is always one of these. */
export const labelOf = ({ username, email, id }: Pick<User, "username" | "email" | "id">): string =>
  username ?? email ?? id;

/** What the user is greeted with. */
export const displayNameOf = (user: Pick<User, "name" | "username" | "email" | "id">): string =>
  user.name ?? labelOf(user);

export const namedWithSub = (user: User): string => `${user.id} (${labelOf(user)})`;

/** What the columns say of a user, as it can be changed. */
export const fieldsOf = (user: User): UserFields => ({
  username: user.username ?? undefined,
  email: user.email ?? undefined,
  emailVerified: user.email_verified === 1,
  name: user.name ?? undefined,
  picture: user.picture ?? undefined,
  locale: user.locale ?? undefined,
  profile: profileOf(user),
  attributes: JSON.parse(user.attributes) as UserFields["attributes"],
  mustChangePassword: user.must_change_password === 1,
});

export const profileOf = ({ profile }: Pick<User, "profile">): UserProfile => JSON.parse(profile);

function columnsOf(fields: UserFields) {
  const keys = keysOf(fields);
  return {
    username: fields.username ?? null,
    email: fields.email ?? null,
    ...keys,
    email_verified: fields.emailVerified && keys.email_key !== null ? 1 : 0,
    list_key: keys.username_key ?? keys.email_key ?? "",
    name: fields.name ?? null,
    picture: fields.picture ?? null,
    locale: fields.locale ?? null,
    profile: JSON.stringify(fields.profile),
    attributes: JSON.stringify(fields.attributes),
    must_change_password: fields.mustChangePassword ? 1 : 0,
  };
}

const keysOf = ({ username, email }: Pick<UserFields, "username" | "email">) => ({
  username_key: username === undefined ? null : keyOfUsername(username),
  email_key: email === undefined ? null : foldedName(email),
});

function keyOfUsername(username: string): string {
  const key = usernameKey(username);
  if (key === undefined) throw new TypeError("this cannot be a username");
  return key;
}

/** Whom a name leads to: an address that nobody has verified leads to nobody. */
function withName(db: Kysely<Database>, name: string) {
  const key = usernameKey(name) ?? "";
  return db
    .selectFrom("users")
    .selectAll()
    .where(({ eb, or, and }) =>
      or([
        eb("username_key", "=", key),
        and([eb("email_key", "=", foldedName(name)), eb("email_verified", "=", 1)]),
      ]),
    );
}

async function insertNames({ db }: WriteTransaction, { id, username_key, email_key, name }: User) {
  const keys = new Set([username_key, email_key, name === null ? null : foldedName(name)]);
  const rows = [...keys].flatMap((key) => (key ? [{ name_key: key, user_id: id }] : []));
  if (rows.length > 0) await db.insertInto("user_names").values(rows).execute();
}

async function assertFreeSub({ db }: WriteTransaction, id: string): Promise<void> {
  const whose = await holderOf(db, id);
  if (whose === undefined) return;
  throw peopleError("sub_taken", {
    text: `sub: found ${JSON.stringify(id)}, which ${whose}${isUuid(id) ? " (letter case does not count in a UUID)" : ""}. Leave it out, and the user gets a new one. Nothing was changed.`,
  });
}

/** Apps too: no new one is named like a `sub` (`isShapedLikeSub`), and one of before that rule may be. */
async function holderOf(db: WriteTransaction["db"], sub: string): Promise<string | undefined> {
  const spellings = spellingsOf(sub);
  const holders = await db
    .selectFrom("users")
    .select(sql.lit("is somebody's").as("whose"))
    .where("id", "in", spellings)
    .unionAll(
      db
        .selectFrom("deleted_users")
        .select(sql.lit("was that of a deleted user").as("whose"))
        .where("id", "in", spellings),
    )
    .unionAll(
      db
        .selectFrom("oidc_clients")
        .select(sql.lit("is the client_id of an app").as("whose"))
        .where("client_id", "in", spellings),
    )
    .unionAll(
      db
        .selectFrom("deleted_clients")
        .select(sql.lit("was the client_id of an app").as("whose"))
        .where("client_id", "in", spellings),
    )
    .execute();
  return holders[0]?.whose;
}

/**
 * A UUID is one whatever its letter case (RFC 9562, section 4), and a `sub` is compared exactly (OpenID Connect Core, section 2): of two that
 * differ in case alone, apps that fold them would take one user for the other. A `sub` of both cases is made nowhere (`sub` of an import). Of two
 * that are stored at once an index refuses one (migration 0032): the unit runs again, and finds the other here.
 */
const spellingsOf = (sub: string): string[] =>
  isUuid(sub) ? [sub, sub.toLowerCase(), sub.toUpperCase()] : [sub];

async function assertFreeNames({ db }: WriteTransaction, id: string, fields: UserFields): Promise<void> {
  const { username_key, email_key } = keysOf(fields);
  const others = db.selectFrom("users").select("id").where("id", "!=", id);
  const byName = others.where("username_key", "=", username_key ?? "");
  if (username_key !== null && (await byName.executeTakeFirst()) !== undefined)
    throw peopleError("username_taken", { text: taken("username", fields.username) });
  if (!fields.emailVerified || email_key === null) return;
  const byEmail = others.where("email_key", "=", email_key).where("email_verified", "=", 1);
  if ((await byEmail.executeTakeFirst()) !== undefined)
    throw peopleError("email_taken", { text: taken("email", fields.email) });
}

const taken = (field: "username" | "email", found: string | undefined): string =>
  `${field}: found ${JSON.stringify(found)}, which ${field === "email" ? "is the verified address of another user" : "another user has"}; take another. Nothing was changed.`;

function throwUnknown(name: string): never {
  throw unknownUser(name);
}

/** `remedy` is a sentence of whoever can do something about it. */
export function unknownUser(name: string, remedy?: string) {
  const text = `Found ${JSON.stringify(name)}, and no user has that sub, username or verified e-mail address. Nothing was changed.`;
  return peopleError("unknown_subject", { text: remedy === undefined ? text : `${text} ${remedy}` });
}

export function ambiguousUser(name: string, subs: readonly string[]) {
  return peopleError("ambiguous_user", {
    text: `Found ${JSON.stringify(name)}, which may mean any of these: ${subs.join(", ")}. Give the sub of the user who is meant. Nothing was changed.`,
  });
}
