/**
 * The command `portcullis` as an app of the operator's own, by which people use the server's own API. It is there without any
 * configuration, so that an administrator needs nothing else. It can be disabled, and neither changed nor deleted.
 */
import { isDeepStrictEqual } from "node:util";
import { API_SCOPES, COMMAND_CLIENT_ID, type Log } from "@portcullis/protocol";
import type { Storage } from "../storage/storage.ts";
import type { NamedSettings } from "./app-settings.ts";
import type { Clients } from "./clients.ts";

const commandApp = (ownApi: string): NamedSettings => ({
  name: "Portcullis command",
  type: "native",
  clientAuthentication: "none",
  // Any port of this machine (RFC 8252, section 7.3).
  redirectUris: ["http://127.0.0.1/callback", "http://[::1]/callback"],
  postLogoutRedirectUris: [],
  grantTypes: ["authorization_code", "refresh_token"],
  apis: { [ownApi]: Object.values(API_SCOPES) },
  optionalScopes: [],
  firstParty: true,
  jsonSignIn: false,
  introspectsAnyToken: false,
  requirePkce: true,
  frontchannelLogoutSessionRequired: true,
  userinfoWithApiToken: false,
  backchannelLogoutSessionRequired: true,
  idTokenAlgorithm: "ES256",
});

export interface CommandAppOptions {
  readonly clients: Clients;
  readonly storage: Storage;
  /** Identifier of the server's own API. */
  readonly ownApi: string;
  readonly operatorLog: Log;
}

/** Makes the row, or brings it to what this version says: a new version has new scopes. Whether it is disabled stays. */
export async function ensureCommandApp({
  clients,
  storage,
  ownApi,
  operatorLog,
}: CommandAppOptions): Promise<void> {
  const settings = commandApp(ownApi);
  const isOurs = await storage.write(async (transaction) => {
    const app = { ...settings, clientId: COMMAND_CLIENT_ID, origin: "built-in" } as const;
    if (await clients.insert(transaction, app)) return true;
    const found = await clients.lock(transaction, COMMAND_CLIENT_ID);
    if (found.origin !== "built-in") return false;
    if (!isAsSaid(found, settings)) await clients.renewBuiltIn(transaction, COMMAND_CLIENT_ID, settings);
    return true;
  });
  if (!isOurs) operatorLog.warn({ event: "command_app_taken", client: COMMAND_CLIENT_ID, text: TAKEN });
}

const isAsSaid = (found: NamedSettings, settings: NamedSettings): boolean =>
  Object.entries(settings).every(([name, value]) =>
    isDeepStrictEqual(found[name as keyof NamedSettings], value),
  );

const TAKEN =
  "an app of an earlier configuration has this name, so that nobody can sign in with the command portcullis. Delete that app, or give it another name";
