/** What a client may ask an access token for: RFC 8707 resources, each with the scopes that it is configured for. */
import { type Client, errors, type ResourceServer } from "oidc-provider";
import { CLIENT_RESOURCES } from "../../apps/clients.ts";
import { issuedLifetimeSeconds } from "../../config/access-token-lifetime.ts";
import type { Configuration } from "../../config/load.ts";
import { SIGNING_ALGORITHM } from "../../keys/signing-key.ts";

/** Throws `invalid_target`, the same for a resource that is not there and one that is not for this client. */
export function resourceFor(
  {
    resources,
    maxAccessTokenLifetimeSeconds,
  }: Pick<Configuration, "resources" | "maxAccessTokenLifetimeSeconds">,
  identifier: string,
  client: Client,
): ResourceServer {
  const resource = resources.find((candidate) => candidate.identifier === identifier);
  const scopes = resourcesOf(client)[identifier];
  if (resource === undefined || scopes === undefined) throw new errors.InvalidTarget();
  return {
    audience: identifier,
    scope: scopes.join(" "),
    accessTokenTTL: issuedLifetimeSeconds(resource.accessTokenTtlSeconds, maxAccessTokenLifetimeSeconds),
    accessTokenFormat: "jwt",
    jwt: { sign: { alg: SIGNING_ALGORITHM } },
  };
}

export function resourcesOf(client: Client): Readonly<Record<string, readonly string[]>> {
  return (client[CLIENT_RESOURCES] ?? {}) as Record<string, string[]>;
}
