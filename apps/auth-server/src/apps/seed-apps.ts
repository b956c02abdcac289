/**
 * Apps of the configuration file become rows when nothing of their name is there, and nothing was deleted. A row that is
 * there counts, whatever the file says: whoever edits the file in the belief that it does more must hear that it does not.
 */
import { isDeepStrictEqual } from "node:util";
import type { Log } from "@portcullis/protocol";
import type { ClientConfiguration } from "../config/schema.ts";
import type { OfferAlgorithm } from "../keys/key-ring.ts";
import type { Storage } from "../storage/storage.ts";
import { type NamedSettings, settingsOfFile } from "./app-settings.ts";
import { type ClientSecrets, matchingSecret, writtenSecrets } from "./client-secrets.ts";
import type { App, Clients } from "./clients.ts";

export interface SeedAppsOptions {
  readonly clients: Clients;
  readonly secrets: ClientSecrets;
  readonly storage: Storage;
  readonly file: readonly ClientConfiguration[];
  readonly offer: OfferAlgorithm;
  readonly operatorLog: Log;
}

export async function seedApps(options: SeedAppsOptions): Promise<void> {
  const made: string[] = [];
  for (const client of options.file) {
    const stored = await find(options, client.clientId);
    if (stored !== undefined) await reportDifferences(options, client, stored);
    else if (await seed(options, client)) made.push(client.clientId);
  }
  if (made.length > 0) options.operatorLog.info({ event: "seeded", apps: made, text: SEEDED });
}

async function find({ clients, storage }: SeedAppsOptions, clientId: string): Promise<App | undefined> {
  const query = storage.read.selectFrom("oidc_clients").selectAll().where("client_id", "=", clientId);
  const row = await query.executeTakeFirst();
  return row && clients.appOf(row);
}

/** False when another server was first, or when it was deleted. */
async function seed(
  { clients, secrets, storage, offer }: SeedAppsOptions,
  client: ClientConfiguration,
): Promise<boolean> {
  await offer(client.idTokenAlgorithm);
  return storage.write(async (transaction) => {
    const { clientId, clientSecret: secret } = client;
    const isNew = await clients.insert(transaction, { ...settingsOfFile(client), clientId, origin: "file" });
    if (isNew && secret !== undefined) await secrets.add(transaction, { clientId, secret });
    return isNew;
  });
}

async function reportDifferences(
  { secrets, operatorLog }: SeedAppsOptions,
  client: ClientConfiguration,
  stored: App,
): Promise<void> {
  const file = settingsOfFile(client);
  const fields = FIELDS.filter((field) => !isDeepStrictEqual(file[field], stored[field])).map(nameInFile);
  if (!(await isSecretOf(secrets, client))) fields.push("clientSecret");
  if (fields.length === 0) return;
  operatorLog.warn({ event: "file_differs", app: client.clientId, fields, text: DIFFERS });
}

async function isSecretOf(
  secrets: ClientSecrets,
  { clientId, clientSecret }: ClientConfiguration,
): Promise<boolean> {
  if (clientSecret === undefined) return true;
  const rows = await secrets.list(clientId);
  const written = writtenSecrets(rows.map(({ id, secret_hash: hash }) => ({ id, hash })));
  return matchingSecret({ clientId, written }, clientSecret) !== undefined;
}

/** All but how it proves who it is, which follows from its secret or its keys. */
const FIELDS = [
  "name",
  "type",
  "jwks",
  "jwksUri",
  "redirectUris",
  "postLogoutRedirectUris",
  "grantTypes",
  "apis",
  "defaultApi",
  "optionalScopes",
  "firstParty",
  "jsonSignIn",
  "introspectsAnyToken",
  "requirePkce",
  "userinfoWithApiToken",
  "idTokenAlgorithm",
  "accessTokenTtlSeconds",
  "refreshTokenIdleSeconds",
  "refreshTokenAbsoluteSeconds",
  "sessionIdleSeconds",
  "sessionAbsoluteSeconds",
  "sessionLimit",
  "backchannelLogoutUri",
  "backchannelLogoutSessionRequired",
  "frontchannelLogoutUri",
  "frontchannelLogoutSessionRequired",
] as const satisfies readonly (keyof NamedSettings)[];
const nameInFile = (field: (typeof FIELDS)[number]): string => (field === "apis" ? "resources" : field);

const SEEDED = "made from the configuration file; from now on they are changed by the API alone";
const DIFFERS =
  "the file says another than what is stored, and the stored one counts: the file makes apps, and never changes them. To change it: portcullis apps update";
