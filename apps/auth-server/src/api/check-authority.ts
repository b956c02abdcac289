/** Nobody gives what he has not: who may make administrators, and take that away again. */
import type { Caller } from "@portcullis/http-api";
import { API_SCOPES } from "@portcullis/protocol";
import { CLIENT_RESOURCES } from "../apps/app-settings.ts";
import type { Clients } from "../apps/clients.ts";
import { rolesError } from "../roles/errors.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";

export interface Authority {
  readonly clients: Pick<Clients, "find">;
  /** Resource indicator of the server's own API. */
  readonly apiResource: string;
}

/** Throws `administrator_needed` if the user has more than the caller. In the transaction of what is done to the user, whose row is locked. */
export type RequireOver = (transaction: Pick<WriteTransaction, "db">, userId: string) => Promise<void>;

/** Returns what asks. Who calls is looked at before the transaction, which waits for nothing else. */
export async function authorityOf(authority: Authority, caller: WhoCalls): Promise<RequireOver> {
  const lacking = await lackingOf(authority, caller);
  return async ({ db }, userId) => {
    const above = await holdingMoreThan(db, lacking, [userId]);
    if (above.size > 0) throw administratorNeeded(caller, lacking);
  };
}

/** Returns those of the users who have more than the caller: what opens their accounts is not for him. */
export async function usersAbove(
  authority: Authority,
  caller: WhoCalls,
): Promise<(db: WriteTransaction["db"], userIds: readonly string[]) => Promise<ReadonlySet<string>>> {
  const lacking = await lackingOf(authority, caller);
  return (db, userIds) => holdingMoreThan(db, lacking, userIds);
}

async function holdingMoreThan(
  db: WriteTransaction["db"],
  lacking: readonly string[],
  userIds: readonly string[],
): Promise<ReadonlySet<string>> {
  if (lacking.length === 0 || userIds.length === 0) return new Set();
  const held = await db.selectFrom("user_roles").select("user_id").where("user_id", "in", userIds).execute();
  return new Set(held.map(({ user_id: id }) => id));
}

type WhoCalls = Pick<Caller, "subject" | "clientId">;

/**
 * Throws `administrator_needed` for whoever holds less than an administrator: a client that lacks a scope of the API. A person who
 * gets this far is an administrator (oidc/tokens/api-authentication.ts).
 */
export async function requireAdministrator(authority: Authority, caller: WhoCalls): Promise<void> {
  const lacking = await lackingOf(authority, caller);
  if (lacking.length > 0) throw administratorNeeded(caller, lacking);
}

/** The scopes of an administrator that the caller has not. */
async function lackingOf(
  { clients, apiResource }: Authority,
  { subject, clientId }: WhoCalls,
): Promise<string[]> {
  if (subject !== undefined) return [];
  const client = await clients.find(clientId);
  const held = new Set(client?.[CLIENT_RESOURCES][apiResource]);
  return Object.values(API_SCOPES).filter((scope) => !held.has(scope));
}

function administratorNeeded({ clientId }: WhoCalls, lacking: readonly string[]) {
  return rolesError("administrator_needed", {
    text: `The client ${clientId} lacks ${lacking.join(", ")}, and an administrator has every scope of this API: nobody gives or takes what he has not. Call as an administrator, or as a client that has them all. Nothing was changed.`,
  });
}
