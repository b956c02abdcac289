import { type Clock, encodeIdentifier, IDENTIFIER_BYTES } from "@portcullis/protocol";
import { type Kysely, type Selectable, sql } from "kysely";
import type { UserConfiguration } from "../config/schema.ts";
import type { Database } from "../storage/database.ts";
import type { Storage } from "../storage/storage.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { UsersTable } from "../storage/tables/people.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";
import { peopleError } from "./errors.ts";
import { forgetPlaces } from "./known-places.ts";
import { hashPassword } from "./password-hash.ts";
import { usernameKey } from "./username.ts";

export type User = Selectable<UsersTable>;

export interface NewUser extends UserConfiguration {}

export interface UsersOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly randomBytes: (size: number) => Uint8Array;
}

export class Users {
  readonly #options: UsersOptions;

  constructor(options: UsersOptions) {
    this.#options = options;
  }

  /** Users who may not sign in are not found. */
  findActive(id: string): Promise<User | undefined> {
    return this.#select().where("id", "=", id).where("disabled_at", "is", null).executeTakeFirst();
  }

  findByUsername(username: string): Promise<User | undefined> {
    const key = usernameKey(username);
    if (key === undefined) return Promise.resolve(undefined);
    return this.#select().where("username_key", "=", key).executeTakeFirst();
  }

  /**
   * By whatever people call a user: a `sub`, a username, an e-mail address; a `sub` wins. In the transaction that goes
   * on to change something about the user. Throws `ambiguous_user` rather than guess.
   */
  async search({ db }: Pick<WriteTransaction, "db">, name: string): Promise<User | undefined> {
    const [bySub] = await db.selectFrom("users").selectAll().where("id", "=", name).execute();
    if (bySub !== undefined) return bySub;
    const found = await withName(db, name).limit(3).execute();
    const subs = found.map(({ id, username }) => `${id} (${username})`);
    if (found.length > 1) throw ambiguousUser(name, subs);
    return found[0];
  }

  /** As `search`. Throws `unknown_subject`. */
  async findNamed(transaction: Pick<WriteTransaction, "db">, name: string): Promise<User> {
    return (await this.search(transaction, name)) ?? throwUnknown(name);
  }

  /** The `sub` of everybody who has this username or e-mail address: for what only reads, where nobody has to choose. */
  async subsNamed(name: string): Promise<string[]> {
    const found = await withName(this.#options.storage.read, name).execute();
    return found.map(({ id }) => id);
  }

  /** Whoever a configuration file has made, by name. */
  ofFile(): Promise<User[]> {
    return this.#select().where("origin", "=", "file").orderBy("username_key").execute();
  }

  #select() {
    return this.#options.storage.read.selectFrom("users").selectAll();
  }

  /** Makes the user if the name is free; an existing one is left as it is. */
  async ensure(user: NewUser): Promise<void> {
    const key = usernameKey(user.username);
    if (key === undefined) throw new TypeError("this cannot be a username");
    if ((await this.findByUsername(user.username)) !== undefined) return;
    const row = await this.#newRow(user, key);
    await this.#options.storage.write(async ({ db }) => {
      await db
        .insertInto("users")
        .values(row)
        .onConflict((conflict) => conflict.column("username_key").doNothing())
        .execute();
    });
  }

  async #newRow(user: NewUser, key: string): Promise<Omit<User, "origin">> {
    const { randomBytes, clock } = this.#options;
    return {
      id: encodeIdentifier(randomBytes(IDENTIFIER_BYTES)),
      username: user.username,
      username_key: key,
      name: user.name,
      email: user.email ?? null,
      password_hash: await hashPassword(user.password, randomBytes),
      created_at: wholeSeconds(clock),
      disabled_at: null,
    };
  }

  /** Locked, in the transaction that goes on to change it. Throws as `findNamed`. */
  async findRow(transaction: WriteTransaction, name: string): Promise<User> {
    const { id } = await this.findNamed(transaction, name);
    const { db, lockRows } = transaction;
    return lockRows(db.selectFrom("users").selectAll().where("id", "=", id)).executeTakeFirstOrThrow();
  }

  /** Only the row and the known places: whoever calls this ends what hangs below the user in the same transaction. */
  async disable(transaction: WriteTransaction, id: string): Promise<void> {
    await forgetPlaces(transaction, id);
    await transaction.db
      .updateTable("users")
      .set({ disabled_at: wholeSeconds(this.#options.clock) })
      .where("id", "=", id)
      .execute();
  }

  async enable({ db }: WriteTransaction, id: string): Promise<void> {
    await db.updateTable("users").set({ disabled_at: null }).where("id", "=", id).execute();
  }
}

/**
 * Whether the user may sign in; locked, so that of a sign-in and a disabling one comes first: what is stored for somebody who
 * signs in is stored after this, in the same transaction. Before all that hangs below the user.
 */
export async function lockActive({ db, lockRows }: WriteTransaction, id: string): Promise<boolean> {
  const user = db.selectFrom("users").select("id").where("id", "=", id).where("disabled_at", "is", null);
  return (await lockRows(user).executeTakeFirst()) !== undefined;
}

/** A username is in one spelling; an e-mail address is compared without letter case. */
function withName(db: Kysely<Database>, name: string) {
  const key = usernameKey(name) ?? "";
  return db
    .selectFrom("users")
    .selectAll()
    .where(({ eb, or }) =>
      or([eb("username_key", "=", key), eb(sql<string>`lower(email)`, "=", sql<string>`lower(${name})`)]),
    );
}

function throwUnknown(name: string): never {
  throw unknownUser(name);
}

/** `remedy` is a sentence of whoever can do something about it. */
export function unknownUser(name: string, remedy?: string) {
  const text = `Found ${JSON.stringify(name)}, and no user has that sub, username or e-mail address. Nothing was changed.`;
  return peopleError("unknown_subject", { text: remedy === undefined ? text : `${text} ${remedy}` });
}

export function ambiguousUser(name: string, subs: readonly string[]) {
  return peopleError("ambiguous_user", {
    text: `Found ${JSON.stringify(name)}, which may mean any of these: ${subs.join(", ")}. Give the sub of the user who is meant. Nothing was changed.`,
  });
}
