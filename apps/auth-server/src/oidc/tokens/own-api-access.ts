/**
 * Who gets a token of a person for the server's own API: an app of the operator's own, for a user who is an administrator at that
 * moment. Asked twice: at the authorization request, so that a person reads why not, and for every token (issuing-phase.ts).
 */

export interface OwnApiAccess {
  /** Resource indicator of the server's own API. */
  readonly apiResource: string;
  readonly isAdministrator: (accountId: string) => Promise<boolean>;
  readonly isFirstParty: (clientId: string) => Promise<boolean>;
}

export interface AccessRequest {
  readonly clientId: string;
  /** Undefined for client credentials: a client acts for itself there, with the scopes that it is configured for. */
  readonly accountId: string | undefined;
  readonly audience: string | readonly string[] | undefined;
}

/** Returns why the token is not given, in words for a person; undefined when it may be. */
export async function ownApiRefusal(
  { apiResource, isAdministrator, isFirstParty }: OwnApiAccess,
  { clientId, accountId, audience }: AccessRequest,
): Promise<string | undefined> {
  if (accountId === undefined || ![audience].flat().includes(apiResource)) return undefined;
  if (!(await isFirstParty(clientId))) return APP_IS_NOT_OURS;
  return (await isAdministrator(accountId)) ? undefined : NOT_AN_ADMINISTRATOR;
}

const APP_IS_NOT_OURS = "only an app of the operator's own (firstParty) may act for people at this API";
const NOT_AN_ADMINISTRATOR = "only an administrator may use this API, and this user is not one";
