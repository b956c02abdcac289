/**
 * An origin as the name of an API, with a slash at its end and without. Browsers' URL objects add one, and libraries take it away: a
 * request that names an origin in the other spelling means the API that the app has (RFC 3986, section 6.2.3). Names of APIs are otherwise compared character by
 * character, and where both spellings are APIs each is only itself.
 */
import type { KoaContextWithOIDC } from "oidc-provider";
import type { Apis } from "../../apis/apis.ts";
import { CLIENT_RESOURCES, type ClientMetadata } from "../../apps/app-settings.ts";

type Resource = string | readonly string[] | undefined;

interface Holder {
  resource?: Resource;
}

type KnownApis = Pick<Apis, "named">;

/**
 * Gives what a request names the names of the APIs. As soon as the client is known, which is before the library looks the resource up:
 * in its parameters, or in the body that these are read from next.
 */
export async function settleResources(
  ctx: KoaContextWithOIDC,
  { client, apis }: { readonly client: ClientMetadata; readonly apis: KnownApis },
): Promise<void> {
  const { params, body } = ctx.oidc as { params?: Holder | undefined; body?: Holder | undefined };
  for (const holder of [params, body]) {
    if (holder?.resource === undefined) continue;
    const settled = [holder.resource].flat().map((name) => settledName(name, { client, apis }));
    const names = await Promise.all(settled);
    holder.resource = typeof holder.resource === "string" ? names[0] : names;
  }
}

async function settledName(
  name: string,
  { client, apis }: { readonly client: ClientMetadata; readonly apis: KnownApis },
): Promise<string> {
  const held = client[CLIENT_RESOURCES];
  const other = otherSpelling(name);
  if (other === undefined || Object.hasOwn(held, name) || !Object.hasOwn(held, other)) return name;
  return (await apis.named([name])).length === 0 ? other : name;
}

function otherSpelling(name: string): string | undefined {
  const [, origin, slash] = /^(https?:\/\/[^/?#]+)(\/?)$/i.exec(name) ?? [];
  if (origin === undefined) return undefined;
  return slash === "" ? `${origin}/` : origin;
}
