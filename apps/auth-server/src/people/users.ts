import { encodeIdentifier, IDENTIFIER_BYTES } from "@portcullis/protocol";
import type { Selectable } from "kysely";
import type { UserConfiguration } from "../config/schema.ts";
import type { Storage } from "../storage/storage.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";
import { hashPassword } from "./password-hash.ts";
import type { UsersTable } from "./tables.ts";
import { usernameKey } from "./username.ts";

export type User = Selectable<UsersTable>;

export interface NewUser extends UserConfiguration {}

export interface UsersOptions {
  readonly storage: Storage;
  readonly nowSeconds: () => number;
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

  async #newRow(user: NewUser, key: string): Promise<User> {
    const { randomBytes, nowSeconds } = this.#options;
    return {
      id: encodeIdentifier(randomBytes(IDENTIFIER_BYTES)),
      username: user.username,
      username_key: key,
      name: user.name,
      email: user.email ?? null,
      password_hash: await hashPassword(user.password, randomBytes),
      created_at: nowSeconds(),
      disabled_at: null,
    };
  }

  /** Only the row: whoever calls this ends what hangs below the user in the same transaction. */
  async disable({ db }: WriteTransaction, id: string): Promise<void> {
    await db
      .updateTable("users")
      .set({ disabled_at: this.#options.nowSeconds() })
      .where("id", "=", id)
      .execute();
  }

  async enable({ db }: WriteTransaction, id: string): Promise<void> {
    await db.updateTable("users").set({ disabled_at: null }).where("id", "=", id).execute();
  }
}
