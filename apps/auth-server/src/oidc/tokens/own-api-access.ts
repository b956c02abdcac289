/**
 * Who gets a token of a person for the server's own APIs: an app of the operator's own; at the one for administering, for a user who is an
 * administrator at that moment. A client that acts for itself has no account, and gets none for that API. Asked
 * three times: at the authorization request, so that a person reads why not, for every token (issuing-phase.ts), and at every call.
 */

export interface OwnApiAccess {
  /** Resource indicators of the server's own APIs. */
  readonly apiResource: string;
  readonly accountResource: string;
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
  access: OwnApiAccess,
  { clientId, accountId, audience }: AccessRequest,
): Promise<string | undefined> {
  const audiences = [audience].flat();
  const isForAccount = audiences.includes(access.accountResource);
  const isForAdministration = audiences.includes(access.apiResource);
  if (!isForAccount && !isForAdministration) return undefined;
  if (accountId === undefined) return isForAccount ? NOBODYS_ACCOUNT : undefined;
  if (!(await access.isFirstParty(clientId))) return APP_IS_NOT_OURS;
  if (!isForAdministration || (await access.isAdministrator(accountId))) return undefined;
  return NOT_AN_ADMINISTRATOR;
}

const NOBODYS_ACCOUNT =
  "this API is about a person's own account, and a client that acts for itself has none";
const APP_IS_NOT_OURS = "only an app of the operator's own (firstParty) may act for people at this API";
const NOT_AN_ADMINISTRATOR = "only an administrator may use this API, and this user is not one";
