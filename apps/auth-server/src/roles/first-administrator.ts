/** How the first administrator comes to be: by the configuration, or by somebody who has a link. Never a second one. */
import type { Log } from "@portcullis/protocol";
import type { AdminConfiguration } from "../config/schema.ts";
import type { Users } from "../people/users.ts";
import type { Storage } from "../storage/storage.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";
import { rolesError } from "./errors.ts";
import { hasAdministrator, type Invitations } from "./invitations.ts";
import { ADMINISTRATOR, type Roles } from "./roles.ts";

export interface FirstAdministratorOptions {
  readonly users: Users;
  readonly roles: Roles;
  readonly invitations: Invitations;
  readonly storage: Storage;
  readonly operatorLog: Pick<Log, "info">;
}

/** Makes the administrator that the configuration names, if there is none. Who is there already, by that name, keeps the password that he has. */
export async function seedAdministrator(
  options: FirstAdministratorOptions,
  configured: AdminConfiguration | undefined,
): Promise<void> {
  const { users, storage, operatorLog } = options;
  if (configured === undefined || (await hasAdministrator(storage.read))) return;
  const { username, password } = configured;
  const passwordHash = await users.hashOf(password);
  const made = await storage.write(async (transaction) => {
    if (await hasAdministrator(transaction.db)) return false;
    const known = await users.search(transaction, username);
    await makeAdministrator(options, transaction, known ?? { username, name: username, passwordHash });
    return true;
  });
  if (made) operatorLog.info({ event: "administrator_made", username, text: BY_CONFIGURATION });
}

const BY_CONFIGURATION = "there was no administrator; the configuration (admin) named this user";
const BY_LINK =
  "there was no administrator; somebody opened the link of no_administrator and chose this name. If that was not you, the server is somebody else's";

export interface Applicant {
  readonly username: string;
  readonly name: string;
  readonly password: string;
}

/**
 * Makes a new user who is the administrator. Throws `setup_link_spent` when the link is good no more, and gives false, with nothing
 * changed, when somebody has the username. The password is hashed before the transaction, and only for a link that was good.
 */
export async function acceptInvitation(
  options: FirstAdministratorOptions,
  token: string,
  { username, name, password }: Applicant,
): Promise<boolean> {
  const { users, invitations, storage, operatorLog } = options;
  if (!(await invitations.isGood(token))) throw rolesError("setup_link_spent");
  const passwordHash = await users.hashOf(password);
  const made = await storage.write(async (transaction) => {
    if ((await users.search(transaction, username)) !== undefined) return false;
    if (!(await invitations.spend(transaction, token))) throw rolesError("setup_link_spent");
    await makeAdministrator(options, transaction, { username, name, passwordHash });
    return true;
  });
  if (made) operatorLog.info({ event: "administrator_made", username, text: BY_LINK });
  return made;
}

type Known = { readonly id: string };
type New = { readonly username: string; readonly name: string; readonly passwordHash: string };

async function makeAdministrator(
  { users, roles }: FirstAdministratorOptions,
  transaction: WriteTransaction,
  user: Known | New,
): Promise<void> {
  const { id } = "id" in user ? user : await users.create(transaction, { ...user, ...FIELDS_OF_NEW });
  await roles.give(transaction, { userId: id, role: ADMINISTRATOR, by: null });
}

const FIELDS_OF_NEW = {
  emailVerified: false,
  profile: {},
  attributes: {},
  mustChangePassword: false,
  origin: "api",
} as const;
