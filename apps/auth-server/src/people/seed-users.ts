/** Users of the configuration file become rows when nobody of their name is there, and nobody of it was deleted. */
import { hasCode, type Log } from "@portcullis/protocol";
import type { UserConfiguration } from "../config/schema.ts";
import type { Storage } from "../storage/storage.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";
import type { NewUser, Users } from "./users.ts";

export interface SeedUsersOptions {
  readonly users: Users;
  readonly storage: Storage;
  readonly file: readonly UserConfiguration[];
  readonly operatorLog: Log;
}

export async function seedUsers(options: SeedUsersOptions): Promise<void> {
  const made: string[] = [];
  for (const user of options.file) if (await seed(options, user)) made.push(user.username);
  if (made.length === 0) return;
  const users = made.slice(0, MAX_NAMED);
  const more = made.length > MAX_NAMED ? { more: made.length - MAX_NAMED } : {};
  options.operatorLog.info({ event: "seeded", users, ...more, text: SEEDED });
}

const MAX_NAMED = 50;
const SEEDED = "made from the configuration file; from now on they are changed by the API alone";

/** False when the user is there, or was deleted. Looked at before the password is hashed: that takes some 20 ms for each. */
async function seed({ users, storage, operatorLog }: SeedUsersOptions, user: UserConfiguration) {
  const { username } = user;
  if ((await users.search({ db: storage.read }, username)) !== undefined) return false;
  if (await users.wasDeleted(username)) return false;
  const row = rowOf(user, await users.hashOf(user.password));
  try {
    const made = await storage.write((transaction) => create(users, transaction, row));
    if (row.emailVerified && made.email_verified === 0)
      operatorLog.warn({ event: "email_not_verified", users: [username], text: NOT_VERIFIED });
    return true;
  } catch (error) {
    // Another server was first.
    if (hasCode(error, "username_taken")) return false;
    throw error;
  }
}

/** An address that is somebody else's already is kept as one that nobody has verified: a start does not fail for it. */
const create = (users: Users, transaction: WriteTransaction, user: NewUser) =>
  users.create(transaction, user).catch((error: unknown) => {
    if (!hasCode(error, "email_taken")) throw error;
    return users.create(transaction, { ...user, emailVerified: false });
  });

const NOT_VERIFIED = "another user has their e-mail address: it is stored, and identifies that user alone";

const rowOf = (user: UserConfiguration, passwordHash: string): NewUser => ({
  username: user.username,
  name: user.name,
  email: user.email,
  emailVerified: user.email !== undefined && user.emailVerified,
  profile: {},
  attributes: {},
  mustChangePassword: false,
  passwordHash,
  origin: "file",
});
