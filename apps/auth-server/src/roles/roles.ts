/** The built-in roles of users. */
import type { Clock } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import { isBanned, mayBeBanned } from "../bans/standing-bans.ts";
import type { Database } from "../storage/database.ts";
import type { Storage } from "../storage/storage.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";
import { rolesError } from "./errors.ts";

export const ADMINISTRATOR = "administrator";
export const ROLES = [ADMINISTRATOR] as const;
export type Role = (typeof ROLES)[number];

/** Throws `unknown_role`. */
export function assertRole(name: string): asserts name is Role {
  if ((ROLES as readonly string[]).includes(name)) return;
  throw rolesError("unknown_role", {
    text: `role: found ${JSON.stringify(name)}, and there are these roles only: ${ROLES.join(", ")}. Nothing was changed.`,
  });
}

export interface Giving {
  readonly userId: string;
  readonly role: Role;
  /** `sub` or `client_id` of whoever gives it; null for the server itself. */
  readonly by: string | null;
}

export class Roles {
  readonly #storage: Storage;
  readonly #clock: Clock;

  constructor({ storage, clock }: { readonly storage: Storage; readonly clock: Clock }) {
    this.#storage = storage;
    this.#clock = clock;
  }

  /** Whether the user is one at this moment, and may sign in. */
  async isAdministrator(userId: string): Promise<boolean> {
    const found = await administrators(this.#storage.read)
      .where("users.id", "=", userId)
      .where((eb) => eb.not(isBanned(wholeSeconds(this.#clock))(eb)))
      .execute();
    return found.length > 0;
  }

  async of(userId: string): Promise<Role[]> {
    const rows = await rolesOf(this.#storage.read, userId);
    return rows.map(({ role }) => role);
  }

  /** Gives whether the user had it not. Lock the user before, so that it is not given to one who is just being deleted. */
  async give({ db }: WriteTransaction, { userId, role, by }: Giving): Promise<boolean> {
    const { numInsertedOrUpdatedRows } = await db
      .insertInto("user_roles")
      .values({ user_id: userId, role, given_at: wholeSeconds(this.#clock), given_by: by })
      .onConflict((conflict) => conflict.columns(["user_id", "role"]).doNothing())
      .executeTakeFirstOrThrow();
    return numInsertedOrUpdatedRows === 1n;
  }

  /** Gives whether the user had it. Whoever calls this has asked `keepAnAdministrator` in the same transaction. */
  async take({ db }: WriteTransaction, { userId, role }: Omit<Giving, "by">): Promise<boolean> {
    const { numDeletedRows } = await db
      .deleteFrom("user_roles")
      .where("user_id", "=", userId)
      .where("role", "=", role)
      .executeTakeFirstOrThrow();
    return numDeletedRows === 1n;
  }
}

/** Of a user who is deleted. */
export async function forgetRoles({ db }: WriteTransaction, userId: string): Promise<void> {
  await db.deleteFrom("user_roles").where("user_id", "=", userId).execute();
}

/**
 * Administrators who can certainly sign in: not disabled, not banned, with a password, and with a name that leads to them (`namesOf`).
 * Those alone count, when another is to be taken away. Whatever can take one of these from a user asks `keepAnAdministrator`.
 */
export const activeAdministrators = (db: Kysely<Database>) =>
  administrators(db)
    .where((eb) => eb.not(mayBeBanned(eb)))
    .where("users.password_hash", "is not", null)
    .where(({ eb, or, and }) =>
      or([
        eb("users.username_key", "is not", null),
        and([eb("users.email_key", "is not", null), eb("users.email_verified", "=", 1)]),
      ]),
    );

/** Those who are not disabled. */
const administrators = (db: Kysely<Database>) =>
  db
    .selectFrom("user_roles")
    .innerJoin("users", "users.id", "user_roles.user_id")
    .select("users.id")
    .where("user_roles.role", "=", ADMINISTRATOR)
    .where("users.disabled_at", "is", null);

function rolesOf(db: Kysely<Database>, userId: string) {
  return db.selectFrom("user_roles").select("role").where("user_id", "=", userId).orderBy("role").execute();
}
