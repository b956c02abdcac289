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
import type { Database } from "../../storage/database.ts";
import { type ListQuery, pairIn } from "./check-inspect-query.ts";
import { ENTRY_COLUMNS, entryOf } from "./revocation-entry.ts";

/** Seqs of one slice: some milliseconds of work, and then others get their turn. */
const SLICE = 5000;
/** Seqs that one call looks at. What matches once in millions of rows is found over several calls. */
const LOOKED_AT = 200_000;
/** Scopes whose key is one text. */
const TEXT_SCOPES = SCOPES.filter((scope) => !isPairScope(scope) && scope !== "issuer");

export interface FindOptions {
  readonly read: Kysely<Database>;
  readonly keySpace: KeySpace;
  readonly head: number;
  readonly oldestKept: number;
  readonly subsOf: SubsOf;
}

/** The `sub` of everybody who is called so: people are searched for by the names by which they are revoked. */
export type SubsOf = (name: string) => Promise<readonly string[]>;

/** Newest first. The page is short, or even empty, and yet has a `next` when much was looked at and little matched. */
export async function findRevocations(options: FindOptions, query: ListQuery): Promise<RevocationPage> {
  const keys = await keysOf(options, query);
  return keys === undefined ? findBySlices(options, query) : findByKey(options, query, keys);
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
  return row === undefined ? undefined : entryOf(row);
}

/** As verifiers have them, which is what the index of the table is on: the same text has one in every scope. */
async function keysOf(
  { keySpace, subsOf }: FindOptions,
  query: ListQuery,
): Promise<Uint8Array[] | undefined> {
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
  const subs = scopes.includes("subject") ? await subsOf(key) : [];
  return [
    ...scopes.map((candidate) => keySpace.keyOf(candidate, key)),
    ...subs.map((sub) => keySpace.keyOf("subject", sub)),
  ];
}

async function findByKey(
  { read, head }: FindOptions,
  query: ListQuery,
  keys: Uint8Array[],
): Promise<RevocationPage> {
  const rows = await matching(read, query)
    .where("key", "in", keys)
    .where("seq", "<", query.before ?? head + 1)
    .limit(query.limit + 1)
    .execute();
  return pageOf(head, rows.map(entryOf), query.limit);
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
