/** What a client may ask an access token for: RFC 8707 resources, each with the scopes that it is configured for. */
import { type Client, errors, type ResourceServer } from "oidc-provider";
import type { Api, Apis } from "../../apis/apis.ts";
import { CLIENT_RESOURCES, DEFAULT_API } from "../../apps/app-settings.ts";
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

/**
 * Returns the API of a request that names none, or of several that were granted. A token that is for no API is good for UserInfo
 * alone, and so made only where `openid` was asked for by a user's request. Anybody else gets the app's only API, or hears that it
 * must name one: a token that nothing takes would be found out late, and far from here.
 */
export function defaultResource(
  ctx: AskedFor,
  client: Client,
  granted: readonly string[] | undefined,
): string | readonly string[] | undefined {
  const ofApp = client[DEFAULT_API] as string | undefined;
  if (granted !== undefined) return ofApp !== undefined && granted.includes(ofApp) ? ofApp : granted;
  if (ofApp !== undefined || mayOpenUserinfo(ctx)) return ofApp;
  const apis = Object.keys(resourcesOf(client));
  if (apis.length > 1 || (apis.length === 0 && isForItself(ctx))) throw new errors.InvalidTarget(NAME_ONE);
  return apis[0];
}

const NAME_ONE = "resource is missing: name the API that the token is for, or set defaultApi of the app";

/** What is read of a request. */
interface AskedFor {
  readonly oidc: { readonly params?: { readonly [name: string]: unknown } | undefined };
}

const isForItself = ({ oidc: { params } }: AskedFor): boolean => params?.grant_type === "client_credentials";

function mayOpenUserinfo(ctx: AskedFor): boolean {
  const { scope } = (ctx.oidc.params ?? {}) as { readonly scope?: string };
  return !isForItself(ctx) && (scope ?? "").split(" ").includes("openid");
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
