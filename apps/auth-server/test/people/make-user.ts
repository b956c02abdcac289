import type { User, Users } from "../../src/people/users.ts";
import type { Storage } from "../../src/storage/storage.ts";

/** Makes a user with a password, as the API would. */
export async function makeUser(
  { users, storage }: { readonly users: Users; readonly storage: Pick<Storage, "write"> },
  {
    username,
    name,
    password,
  }: { readonly username: string; readonly name: string; readonly password: string },
): Promise<User> {
  const passwordHash = await users.hashOf(password);
  const rest = {
    emailVerified: false,
    profile: {},
    attributes: {},
    mustChangePassword: false,
    origin: "api",
  } as const;
  return storage.write((transaction) => users.create(transaction, { username, name, passwordHash, ...rest }));
}

/** As a reset by the API does: whoever signs in next chooses a new password. */
export const setMustChange = ({ storage }: { readonly storage: Pick<Storage, "write"> }, username: string) =>
  storage.write(({ db }) =>
    db.updateTable("users").set({ must_change_password: 1 }).where("username", "=", username).execute(),
  );
