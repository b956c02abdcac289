import { feedError, type LogPosition, type ServedLog } from "@portcullis/feed-server";
import { CHAIN_START, encodeBase64url, encodeRecords, type LogPage } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import type { Database } from "../../storage/database.ts";
import { CHAINED_COLUMNS, chainedRecordOf } from "../../storage/log/revocation-row.ts";

export interface LogPagesOptions {
  readonly read: Kysely<Database>;
  readonly log: ServedLog;
  /** The issuer's word on a place in the log (protocol/signed-head.ts). */
  readonly signHead?: ((position: LogPosition) => Promise<string>) | undefined;
}

/**
 * The log as it is in SQL at this moment, and nothing of what this process remembers of it: what is read here is
 * compared with what verifiers hold. Where the old end was pruned past `after`, the page begins later and says so.
 */
export async function logPage(
  options: LogPagesOptions,
  query: { readonly after: number; readonly limit: number },
): Promise<LogPage> {
  const { log } = options;
  const head = await log.refresh();
  if (query.after > head) throw feedError("ahead_of_head");
  const rows = await rowsFrom(options, query);
  const before = rows[0]?.seq === query.after ? rows.shift() : undefined;
  const after = before?.seq ?? beginOf(rows, { ...query, pruned: Math.min(log.oldestKept() - 1, head) });
  const chainBefore = before?.chain ?? (await prunedChain(options, after));
  const to = rows.at(-1)?.seq ?? after;
  const chain = rows.at(-1)?.chain ?? chainBefore;
  return {
    incarnation: log.incarnation,
    head,
    oldestKept: log.oldestKept(),
    after,
    to,
    records: encodeBase64url(encodeRecords(rows)),
    ...(chainBefore === undefined ? {} : { chainBefore: encodeBase64url(chainBefore) }),
    ...(chain === undefined ? {} : await claimsOf(options, { seq: to, chain })),
  };
}

/** Where a page begins whose row at `after` is not kept. */
function beginOf(
  rows: readonly { readonly seq: number }[],
  { after, pruned }: { readonly after: number; readonly pruned: number },
): number {
  return rows.length === 0 ? Math.max(after, pruned) : rows[0]!.seq - 1;
}

/** One statement, with the row at `after`: pruning between two could take it away. */
async function rowsFrom(
  { read }: LogPagesOptions,
  query: { readonly after: number; readonly limit: number },
) {
  const rows = await read
    .selectFrom("revocations")
    .select(CHAINED_COLUMNS)
    .where("seq", ">=", query.after)
    .orderBy("seq")
    .limit(query.limit + 1)
    .execute();
  return rows.map(chainedRecordOf).slice(0, rows[0]?.seq === query.after ? undefined : query.limit);
}

/** Value of the chain at a row that was pruned: the newest of those is remembered. */
async function prunedChain({ read }: LogPagesOptions, seq: number): Promise<Uint8Array | undefined> {
  if (seq === 0) return CHAIN_START;
  const state = await read
    .selectFrom("revocation_state")
    .select(["anchor_seq", "anchor_chain"])
    .executeTakeFirstOrThrow();
  return state.anchor_seq === seq ? state.anchor_chain : undefined;
}

async function claimsOf({ signHead }: LogPagesOptions, position: LogPosition): Promise<Partial<LogPage>> {
  return {
    chain: encodeBase64url(position.chain),
    ...(signHead === undefined ? {} : { signedHead: await signHead(position) }),
  };
}
