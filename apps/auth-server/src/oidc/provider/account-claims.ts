import type { Account } from "oidc-provider";
import type { Users } from "../../people/users.ts";

/** Undefined for a user who is gone or disabled: every grant type is then refused. */
export async function accountOf(users: Users, id: string): Promise<Account | undefined> {
  const user = await users.findActive(id);
  if (user === undefined) return undefined;
  return {
    accountId: id,
    claims: async () => ({
      sub: id,
      name: user.name,
      preferred_username: user.username,
      ...(user.email === null ? {} : { email: user.email }),
    }),
  };
}
