/**
 * APIs of the configuration file become rows when there is none of their name and none was deleted. A row that is there
 * counts, whatever the file says: whoever edits the file in the belief that it does more must hear that it does not.
 */
import { isDeepStrictEqual } from "node:util";
import type { Log } from "@portcullis/protocol";
import type { ResourceConfiguration } from "../config/schema.ts";
import type { OfferAlgorithm } from "../keys/key-ring.ts";
import type { Storage } from "../storage/storage.ts";
import { type ApiSettings, type Apis, apiSettingsOf } from "./apis.ts";

export interface SeedApisOptions {
  readonly apis: Apis;
  readonly storage: Storage;
  readonly file: readonly ResourceConfiguration[];
  readonly offer: OfferAlgorithm;
  readonly operatorLog: Log;
}

export async function seedApis({ apis, storage, file, offer, operatorLog }: SeedApisOptions): Promise<void> {
  const made: string[] = [];
  for (const resource of file) {
    const { identifier } = resource;
    const settings = apiSettingsOf(resource);
    const stored = await apis.find(identifier);
    if (stored !== undefined) reportDifferences(operatorLog, { identifier, file: settings, stored });
    else if (await seed({ apis, storage, offer }, identifier, settings)) made.push(identifier);
  }
  if (made.length > 0) operatorLog.info({ event: "seeded", apis: made, text: SEEDED });
}

/** False when another server was first, or when it was deleted. */
async function seed(
  { apis, storage, offer }: Pick<SeedApisOptions, "apis" | "storage" | "offer">,
  identifier: string,
  settings: ApiSettings,
): Promise<boolean> {
  await offer(settings.algorithm);
  return storage.write(async (transaction) => {
    const tombstones = transaction.db.selectFrom("deleted_apis").select("identifier");
    const deleted = await tombstones.where("identifier", "=", identifier).executeTakeFirst();
    return (
      deleted === undefined && (await apis.insert(transaction, { ...settings, identifier, origin: "file" }))
    );
  });
}

function reportDifferences(
  operatorLog: Log,
  { identifier, file, stored }: { identifier: string; file: ApiSettings; stored: ApiSettings },
): void {
  const fields = FIELDS.filter((field) => !isDeepStrictEqual(file[field], stored[field])).map(nameInFile);
  if (fields.length === 0) return;
  operatorLog.warn({ event: "file_differs", api: identifier, fields, text: DIFFERS });
}

const FIELDS = [
  "name",
  "permissions",
  "accessTokenTtlSeconds",
  "algorithm",
  "claims",
  "personalTokenPermissions",
  "sessionIdleSeconds",
  "sessionAbsoluteSeconds",
] as const;
const nameInFile = (field: (typeof FIELDS)[number]): string => (field === "permissions" ? "scopes" : field);

const SEEDED = "made from the configuration file; from now on they are changed by the API alone";
const DIFFERS =
  "the file says another than what is stored, and the stored one counts: the file makes APIs, and never changes them. To change it: portcullis apis update";
