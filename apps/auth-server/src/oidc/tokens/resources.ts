/** What a client may ask an access token for: RFC 8707 resources, each with the scopes that it is configured for. */
import { type Client, errors, type ResourceServer } from "oidc-provider";
import type { Api, Apis } from "../../apis/apis.ts";
import { CLIENT_RESOURCES } from "../../apps/app-settings.ts";
import { issuedLifetimeSeconds } from "../../config/access-token-lifetime.ts";
import { heldIn, isOfEdition, isPermissionOfEdition } from "../state/allowed.ts";

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

/**
 * Returns the API as a grant of it knows it: without permissions that are of a later edition than what the user has allowed. Throws
 * `invalid_target` when the API itself is: it has the name of one that was deleted, and nobody was asked about it.
 */
export function asGranted(api: Api, grant: object | undefined): Api {
  if (grant === undefined) return api;
  const held = heldIn(grant);
  if (!isOfEdition(held, api)) throw new errors.InvalidTarget();
  const isSame = (word: string) => isPermissionOfEdition(held, api, word);
  const permissions = Object.entries(api.permissions).filter(([word]) => isSame(word));
  return { ...api, permissions: Object.fromEntries(permissions) };
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
