/** `username` in the answer of introspection (RFC 7662, section 2.2), for services that show or log whose token they were given. */
import type { Client, KoaContextWithOIDC, Provider } from "oidc-provider";
import type { Users } from "../../people/users.ts";
import { mayLearnUsername } from "./token-policy.ts";

interface Answer {
  readonly active?: boolean;
  readonly sub?: string;
  readonly client_id?: string;
  readonly aud?: string | readonly string[];
  username?: string;
}

/** Around whatever answers, for opaque tokens and for JWTs. */
export function nameUsersInIntrospection(provider: Provider, users: Pick<Users, "findActive">): void {
  provider.use(async (ctx, next) => {
    await next();
    const { oidc, body } = ctx as KoaContextWithOIDC;
    if (oidc?.route === "introspection") await addUsername(body as Answer, { client: oidc.client, users });
  });
}

/** Of an app that acts for itself `sub` is its own name. */
async function addUsername(
  answer: Answer,
  { client, users }: { readonly client: Client | undefined; readonly users: Pick<Users, "findActive"> },
): Promise<void> {
  const { active, sub, client_id: clientId, aud: audience } = answer ?? {};
  if (active !== true || sub === undefined || sub === clientId || answer.username !== undefined) return;
  if (client === undefined || !mayLearnUsername(client, { clientId, audience })) return;
  const user = await users.findActive(sub);
  if (user?.username != null) answer.username = user.username;
}
