import { setImmediate as nextTurn } from "node:timers/promises";
import {
  isPairScope,
  MODE_CODES,
  pairKeyOf,
  REASON_CODES,
  type RevocationEntry,
  type RevocationPage,
  SCOPE_CODES,
  SCOPES,
} from "@portcullis/protocol";
import type { KeySpace } from "@portcullis/revocation";
import type { Kysely } from "kysely";
import { targetsOfUsers } from "../../names/targets-of-users.ts";
import type { Database } from "../../storage/database.ts";
import { type ListQuery, pairIn } from "./check-inspect-query.ts";
import { nameEntries } from "./name-entries.ts";
import { ENTRY_COLUMNS, entryOf } from "./revocation-entry.ts";

/** Seqs of one slice: some milliseconds of work, and then others get their turn. */
const SLICE = 5000;
/** Seqs that one call looks at. What matches once in millions of rows is found over several calls. */
const LOOKED_AT = 200_000;
/** Keys that one statement looks for. A database takes some ten thousands. */
const KEYS_PER_STATEMENT = 2000;
/** Scopes whose key is one text. */
const TEXT_SCOPES = SCOPES.filter((scope) => !isPairScope(scope) && scope !== "issuer");

export interface FindOptions {
  readonly read: Kysely<Database>;
  readonly keySpace: KeySpace;
  readonly head: number;
  readonly oldestKept: number;
  readonly subsOf: SubsOf;
  /** Audience of the server's own API, which is in no row. */
  readonly ownApi: string | undefined;
}

/**
 * The `sub` of everybody who is, or was, called so or has it as `sub`, who is before who was: people are searched for by the names by which
 * they are revoked.
 */
export type SubsOf = (name: string) => Promise<readonly string[]>;

/** Newest first. The page is short, or even empty, and yet has a `next` when much was looked at and little matched. */
export async function findRevocations(options: FindOptions, query: ListQuery): Promise<RevocationPage> {
  const keys = await keysOf(options, query);
  const page = await (keys === undefined ? findBySlices(options, query) : findByKey(options, query, keys));
  return { ...page, revocations: await nameEntries(options.read, page.revocations) };
}

export async function findRevocation(
  read: Kysely<Database>,
  seq: number,
): Promise<RevocationEntry | undefined> {
  const row = await read
    .selectFrom("revocations")
    .select(ENTRY_COLUMNS)
    .where("seq", "=", seq)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const [entry] = await nameEntries(read, [entryOf(row)]);
  return entry;
}

/** As verifiers have them, which is what the index of the table is on: the same text has one in every scope. */
async function keysOf(options: FindOptions, query: ListQuery): Promise<Uint8Array[] | undefined> {
  const { keySpace, subsOf } = options;
  const { scope, key } = query;
  const pair = pairIn(query);
  if (pair !== undefined) {
    const subjects = [pair.subject, ...(await subsOf(pair.subject))];
    return subjects.map((sub) => keySpace.keyOf(pair.scope, pairKeyOf(pair.scope, sub, pair.other)));
  }
  if (scope === "issuer") return [keySpace.keyOf("issuer", undefined)];
  if (key === undefined) return undefined;
  const scopes = scope === undefined ? TEXT_SCOPES : [scope];
  // The text itself, too: a record of another issuer's tokens has it as it was given.
  const exactly = scopes.map((candidate) => keySpace.keyOf(candidate, key));
  if (!scopes.includes("subject")) return exactly;
  const subs = await subsOf(key);
  if (scope !== undefined) return [...exactly, ...subs.map((sub) => keySpace.keyOf("subject", sub))];
  return [...exactly, ...(await keysOfUsers(options, subs))];
}

/** All that concerns them, in whatever scope: who asks what ended of somebody means the sessions and the pairs too. */
async function keysOfUsers(
  { read, keySpace, ownApi }: FindOptions,
  subs: readonly string[],
): Promise<Uint8Array[]> {
  const keys: Uint8Array[] = [];
  for await (const { scope, key } of targetsOfUsers(read, subs, ownApi)) {
    keys.push(keySpace.keyOf(scope, key));
    if (keys.length % KEYS_PER_STATEMENT === 0) await nextTurn();
  }
  return keys;
}

/** The newest of each part are enough to have the newest of all. */
async function findByKey(
  { read, head }: FindOptions,
  query: ListQuery,
  keys: Uint8Array[],
): Promise<RevocationPage> {
  const found = new Map<number, RevocationEntry>();
  for (let from = 0; from < keys.length; from += KEYS_PER_STATEMENT) {
    const rows = await matching(read, query)
      .where("key", "in", keys.slice(from, from + KEYS_PER_STATEMENT))
      .where("seq", "<", query.before ?? head + 1)
      .limit(query.limit + 1)
      .execute();
    for (const row of rows) found.set(row.seq, entryOf(row));
  }
  const newest = [...found.values()].toSorted((one, other) => other.seq - one.seq);
  return pageOf(head, newest, query.limit);
}

/** By nothing that an index is on: a bounded number of rows, in slices, so that nobody waits long for their turn. */
async function findBySlices(options: FindOptions, query: ListQuery): Promise<RevocationPage> {
  const { read, head, oldestKept } = options;
  const { limit } = query;
  const found: RevocationEntry[] = [];
  let below = Math.min(query.before ?? head + 1, head + 1);
  const last = Math.max(oldestKept, below - LOOKED_AT);
  for (; below > last && found.length <= limit; below -= SLICE) {
    const rows = await matching(read, query)
      .where("seq", "<", below)
      .where("seq", ">=", Math.max(last, below - SLICE))
      .limit(limit + 1 - found.length)
      .execute();
    for (const row of rows) found.push(entryOf(row));
    await nextTurn();
  }
  const page = pageOf(head, found, limit);
  return page.next === undefined && last > oldestKept ? { ...page, next: last } : page;
}

function pageOf(head: number, found: readonly RevocationEntry[], limit: number): RevocationPage {
  const revocations = found.slice(0, limit);
  return found.length > limit ? { head, revocations, next: revocations.at(-1)!.seq } : { head, revocations };
}

function matching(read: Kysely<Database>, { scope, mode, reason, actor, since, until }: ListQuery) {
  let rows = read.selectFrom("revocations").select(ENTRY_COLUMNS).orderBy("seq", "desc");
  if (scope !== undefined) rows = rows.where("scope", "=", SCOPE_CODES[scope]);
  if (mode !== undefined) rows = rows.where("mode", "=", MODE_CODES[mode]);
  if (reason !== undefined) rows = rows.where("reason", "=", REASON_CODES[reason]);
  if (actor !== undefined) rows = rows.where("actor", "=", actor);
  // Seconds are kept, so that `since` a part of a second begins with the next one.
  if (since !== undefined) rows = rows.where("revoked_at", ">=", Math.ceil(since));
  if (until !== undefined) rows = rows.where("revoked_at", "<=", Math.floor(until));
  return rows;
}
