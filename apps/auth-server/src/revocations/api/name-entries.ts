/** Entries with the names of those whom they concern, and of who made them: for people, who know no `sub`. */
import type { RevocationEntry } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import { type Names, namesOf } from "../../names/names-of.ts";
import type { Database } from "../../storage/database.ts";

/** A bounded number of statements for the page, and none a row. */
export async function nameEntries(
  read: Kysely<Database>,
  entries: readonly RevocationEntry[],
): Promise<RevocationEntry[]> {
  const holders = await holdersOf(read, entries);
  const about = entries.map((entry) => ({
    entry,
    subject: subjectOf(entry, holders),
    client: clientOf(entry, holders),
  }));
  const ids = about.flatMap(({ entry: { actor }, subject, client }) => [subject, client, actor]);
  const names = await namesOf(read, ids);
  return about.map(({ entry, subject, client }) => ({
    ...entry,
    ...named("subjectName", names, subject),
    ...named("clientName", names, client),
    ...named("actorName", names, entry.actor),
  }));
}

const named = (member: string, names: Names, id: string | null | undefined): object => {
  const name = names.get(id ?? "");
  return name === undefined ? {} : { [member]: name };
};

interface Holder {
  readonly id: string;
  readonly subject: string | null;
  /** Of a grant. */
  readonly client: string | null;
}

function subjectOf({ scope, key }: RevocationEntry, holders: ReadonlyMap<string, Holder>) {
  if (key === null) return undefined;
  if (typeof key !== "string") return key.subject;
  return scope === "subject" ? key : holders.get(key)?.subject;
}

function clientOf({ scope, key }: RevocationEntry, holders: ReadonlyMap<string, Holder>) {
  if (key === null) return undefined;
  if (typeof key !== "string") return "client" in key ? key.client : undefined;
  return scope === "client" ? key : holders.get(key)?.client;
}

/** Whose the sessions and grants are, by their ids. */
async function holdersOf(
  read: Kysely<Database>,
  entries: readonly RevocationEntry[],
): Promise<ReadonlyMap<string, Holder>> {
  const rows = [
    ...(await sessionsWith(read, keysIn(entries, "session"))),
    ...(await grantsWith(read, keysIn(entries, "grant"))),
  ];
  return new Map(rows.map((row) => [row.id, row]));
}

const keysIn = (entries: readonly RevocationEntry[], of: "session" | "grant"): string[] =>
  entries.flatMap(({ scope, key }) => (scope === of && typeof key === "string" ? [key] : []));

async function sessionsWith(read: Kysely<Database>, ids: readonly string[]): Promise<Holder[]> {
  if (ids.length === 0) return [];
  const rows = await read
    .selectFrom("oidc_sessions")
    .select(["uid as id", "account_id as subject"])
    .where("uid", "in", ids)
    .execute();
  return rows.map((row) => ({ ...row, client: null }));
}

async function grantsWith(read: Kysely<Database>, ids: readonly string[]): Promise<Holder[]> {
  if (ids.length === 0) return [];
  const ended = read
    .selectFrom("oidc_ended_grants")
    .select(["id", "account_id as subject", "client_id as client"])
    .where("id", "in", ids);
  return read
    .selectFrom("oidc_grants")
    .select(["id", "account_id as subject", "client_id as client"])
    .where("id", "in", ids)
    .unionAll(ended)
    .execute();
}
