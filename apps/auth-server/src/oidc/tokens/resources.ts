/** What a client may ask an access token for: RFC 8707 resources, each with the scopes that it is configured for. */
import { type Client, errors, type ResourceServer } from "oidc-provider";
import type { Api, Apis } from "../../apis/apis.ts";
import { CLIENT_RESOURCES } from "../../apps/app-settings.ts";
import { issuedLifetimeSeconds } from "../../config/access-token-lifetime.ts";

/**
 * Returns the API that the client asks for. Read at every request, since any server may have changed it. Throws
 * `invalid_target`, the same for one that is not there, one that is disabled, and one that is not for this client.
 */
export async function apiFor(
  apis: Pick<Apis, "findEnabled">,
  identifier: string,
  client: Client,
): Promise<Api> {
  const api = await apis.findEnabled(identifier);
  if (api === undefined || !Object.hasOwn(resourcesOf(client), identifier)) throw new errors.InvalidTarget();
  return api;
}

/** What the library is told of it. A permission that the API has no more is left out. */
export function resourceServerOf(
  api: Pick<Api, "identifier" | "permissions" | "accessTokenTtlSeconds" | "algorithm">,
  client: Client,
  maxAccessTokenLifetimeSeconds: number,
): ResourceServer {
  const scopes = resourcesOf(client)[api.identifier] ?? [];
  return {
    audience: api.identifier,
    scope: scopes.filter((scope) => Object.hasOwn(api.permissions, scope)).join(" "),
    accessTokenTTL: issuedLifetimeSeconds(api.accessTokenTtlSeconds, maxAccessTokenLifetimeSeconds),
    accessTokenFormat: "jwt",
    jwt: { sign: { alg: api.algorithm } },
  };
}

export function resourcesOf(client: Client): Readonly<Record<string, readonly string[]>> {
  return (client[CLIENT_RESOURCES] ?? {}) as Record<string, string[]>;
}
