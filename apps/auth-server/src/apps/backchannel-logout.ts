/** Where and how an app is told of logouts: a column of its own, since what ends is noted by whether there is one. */
import type { SigningAlgorithm } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import type { Database } from "../storage/database.ts";
import type { AppSettings } from "./app-settings.ts";

export interface BackchannelLogout {
  readonly uri: string;
  /** Logout tokens are signed as its ID tokens are. */
  readonly algorithm: SigningAlgorithm;
}

export function writtenBackchannelLogout({
  backchannelLogoutUri: uri,
  idTokenAlgorithm: algorithm,
}: AppSettings): string | null {
  return uri === undefined ? null : JSON.stringify({ uri, algorithm } satisfies BackchannelLogout);
}

/** As it is set now; of an app that was deleted, as it was then. Undefined: it is not told. */
export async function backchannelLogoutOf(
  db: Kysely<Database>,
  clientId: string,
): Promise<BackchannelLogout | undefined> {
  const there = await textIn(db, "oidc_clients", clientId);
  const text = there ?? (await textIn(db, "deleted_clients", clientId));
  return text?.backchannel_logout == null
    ? undefined
    : (JSON.parse(text.backchannel_logout) as BackchannelLogout);
}

const textIn = (db: Kysely<Database>, table: "oidc_clients" | "deleted_clients", clientId: string) =>
  db.selectFrom(table).select("backchannel_logout").where("client_id", "=", clientId).executeTakeFirst();
