/** What apps are told of a user, scope by scope (OpenID Connect Core, section 5.4). */
import type { Account } from "oidc-provider";
import type { User, Users } from "../../people/users.ts";

export const CLAIMS_OF_SCOPE: Readonly<Record<string, readonly string[]>> = {
  openid: ["sub"],
  profile: ["name", "preferred_username", "picture", "locale"],
  email: ["email", "email_verified"],
};

/** Claims of one user. What is not known of the user is not among them. */
type AccountClaims = { readonly sub: string } & Readonly<Record<string, string | boolean>>;

/** Undefined for a user who is gone or disabled: every grant type is then refused. */
export async function accountOf(users: Users, id: string): Promise<Account | undefined> {
  const user = await users.findActive(id);
  return user && { accountId: id, claims: async () => ({ ...claimsOf(user) }) };
}

export const claimsOf = (user: User): AccountClaims => ({
  sub: user.id,
  ...(user.name === null ? {} : { name: user.name }),
  ...(user.picture === null ? {} : { picture: user.picture }),
  ...(user.locale === null ? {} : { locale: user.locale }),
  ...(user.username === null ? {} : { preferred_username: user.username }),
  ...(user.email === null ? {} : { email: user.email, email_verified: user.email_verified === 1 }),
});

/** Whether an app that has the scope learns anything by it, or may do anything. Nobody is asked to allow what cannot be given. */
export function givesAnything(scope: string, claims: Readonly<Record<string, unknown>>): boolean {
  const names = CLAIMS_OF_SCOPE[scope];
  return names === undefined || names.some((name) => Object.hasOwn(claims, name));
}
