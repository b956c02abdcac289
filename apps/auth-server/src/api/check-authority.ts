/** Nobody gives what he has not: who may make administrators, and take that away again. */
import type { Caller } from "@portcullis/http-api";
import { API_SCOPES } from "@portcullis/protocol";
import { CLIENT_RESOURCES } from "../apps/app-settings.ts";
import type { Clients } from "../apps/clients.ts";
import { rolesError } from "../roles/errors.ts";

export interface Authority {
  readonly clients: Pick<Clients, "find">;
  /** Resource indicator of the server's own API. */
  readonly apiResource: string;
}

/**
 * Throws `administrator_needed` for whoever holds less than an administrator: a client that lacks a scope of the API. A person who
 * gets this far is an administrator (oidc/tokens/api-authentication.ts).
 */
export async function requireAdministrator(
  { clients, apiResource }: Authority,
  { subject, clientId }: Pick<Caller, "subject" | "clientId">,
): Promise<void> {
  if (subject !== undefined) return;
  const client = await clients.find(clientId);
  const held = new Set(client?.[CLIENT_RESOURCES][apiResource]);
  const lacking = Object.values(API_SCOPES).filter((scope) => !held.has(scope));
  if (lacking.length === 0) return;
  throw rolesError("administrator_needed", {
    text: `The client ${clientId} lacks ${lacking.join(", ")}, and an administrator has every scope of this API: nobody gives or takes what he has not. Call as an administrator, or as a client that has them all. Nothing was changed.`,
  });
}
