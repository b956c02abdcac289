/** What a client may ask an access token for: RFC 8707 resources, each with the scopes that it is configured for. */
import { type Client, errors, type ResourceServer } from "oidc-provider";
import type { Apis } from "../../apis/apis.ts";
import { CLIENT_RESOURCES } from "../../apps/app-settings.ts";
import { issuedLifetimeSeconds } from "../../config/access-token-lifetime.ts";

export interface ResourceSources {
  readonly apis: Pick<Apis, "findEnabled">;
  readonly maxAccessTokenLifetimeSeconds: number;
}

/**
 * Read at every request, since any server may have changed it. Throws `invalid_target`, the same for a resource that is
 * not there, one that is disabled, and one that is not for this client. A permission that the API has no more is left out.
 */
export async function resourceFor(
  { apis, maxAccessTokenLifetimeSeconds }: ResourceSources,
  identifier: string,
  client: Client,
): Promise<ResourceServer> {
  const api = await apis.findEnabled(identifier);
  const scopes = resourcesOf(client)[identifier];
  if (api === undefined || scopes === undefined) throw new errors.InvalidTarget();
  return {
    audience: identifier,
    scope: scopes.filter((scope) => Object.hasOwn(api.permissions, scope)).join(" "),
    accessTokenTTL: issuedLifetimeSeconds(api.accessTokenTtlSeconds, maxAccessTokenLifetimeSeconds),
    accessTokenFormat: "jwt",
    jwt: { sign: { alg: api.algorithm } },
  };
}

export function resourcesOf(client: Client): Readonly<Record<string, readonly string[]>> {
  return (client[CLIENT_RESOURCES] ?? {}) as Record<string, string[]>;
}
