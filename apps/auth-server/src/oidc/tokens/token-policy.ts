/**
 * Who may end a token, and who may ask about it. One answer for opaque tokens, which the library looks up, and for JWTs,
 * which jwt-endpoints.ts does: a client must not learn by the format of a token what it may not learn by its right.
 */
import type { IntrospectableApis } from "@portcullis/protocol";
import type { Client } from "oidc-provider";
import { INTROSPECTS_ANY_TOKEN } from "../../apps/app-settings.ts";
import { resourcesOf } from "./resources.ts";

export interface TokenOwner {
  readonly clientId: string | undefined;
  /** What it is for: an API, and perhaps the UserInfo endpoint. */
  readonly audience: string | readonly string[] | undefined;
}

/**
 * Whether it may hear whose token it introspects: as the service that was given it, or flagged for all. The app that the token was
 * issued to learns of its user what the user gave it, and introspects its own tokens without that.
 */
export const mayLearnUsername = (client: Client, owner: TokenOwner): boolean =>
  mayIntrospect(client, owner) &&
  (owner.clientId !== client.clientId || client[INTROSPECTS_ANY_TOKEN] === true);

/** RFC 7009, section 2.1: only the client that the token was issued to, and it is told when it is not. */
export const mayRevoke = (client: Client, { clientId }: TokenOwner): boolean => clientId === client.clientId;

export const NOT_YOURS_TO_REVOKE = "client is not authorized to revoke the presented token";

/** Its own tokens, and those for an API that it may introspect. */
export function mayIntrospect(client: Client, { clientId, audience }: TokenOwner): boolean {
  if (clientId === client.clientId) return true;
  const apis = introspectableApis(client);
  return apis === "any" || [audience ?? []].flat().some((api) => apis.includes(api));
}

/** Returns the APIs that it is configured for, if it can keep a secret; all, if it is flagged. */
export function introspectableApis(client: Client): IntrospectableApis {
  if (client.clientAuthMethod === "none") return [];
  return client[INTROSPECTS_ANY_TOKEN] === true ? "any" : Object.keys(resourcesOf(client));
}
