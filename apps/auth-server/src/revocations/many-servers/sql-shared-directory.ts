import { keyOfLeaseHolder, type LeaseHolder } from "@portcullis/feed-server";
import { liveDigestSchema } from "@portcullis/protocol";
import { type RawBuilder, type Selectable, sql } from "kysely";
import { z } from "zod";
import { logError } from "../../storage/log/errors.ts";
import type { Storage } from "../../storage/storage.ts";
import type { ReplicasTable } from "../../storage/tables/revocations.ts";
import type {
  DirectoryRow,
  DirectoryWrite,
  RowChange,
  RowReport,
  SharedDirectory,
} from "./shared-directory.ts";

type Execute = Parameters<RawBuilder<unknown>["execute"]>[0];

/** The table `replicas` on PostgreSQL. */
export function sqlSharedDirectory(storage: Pick<Storage, "readKept" | "write">): SharedDirectory {
  return {
    all: () =>
      orUnavailable(async () =>
        (await storage.readKept.selectFrom("replicas").selectAll().execute()).map(directoryRowOf),
      ),
    find: (holders) => orUnavailable(() => find(storage.readKept, holders)),
    write: (change) => storage.write(({ db }) => write(db, change)),
  };
}

async function find(db: Execute, holders: readonly LeaseHolder[]): Promise<ReadonlyMap<string, number>> {
  const { rows } = await sql<Pick<ReplicasTable, "client_id" | "name" | "lease_ms">>`
    select r.client_id, r.name, r.lease_ms from replicas r join ${named(holders)} using (client_id, name)`.execute(
    db,
  );
  return new Map(rows.map((row) => [keyOfLeaseHolder(holderOf(row)), row.lease_ms]));
}

async function write(db: Execute, { enter, renew, leave }: DirectoryWrite): Promise<string[]> {
  const holders = [...enter, ...renew, ...leave].map(({ holder }) => holder);
  // In the same order at every server: otherwise two of them could wait for each other's rows.
  const { rows: locked } = await sql<Pick<ReplicasTable, "client_id" | "name">>`
    select r.client_id, r.name from replicas r join ${named(holders)} using (client_id, name)
    order by r.client_id, r.name for update of r`.execute(db);
  const present = new Set(locked.map((row) => keyOfLeaseHolder(holderOf(row))));
  const gone = renew.map(({ holder }) => keyOfLeaseHolder(holder)).filter((key) => !present.has(key));
  const changes = [...enter, ...renew.filter(({ holder }) => present.has(keyOfLeaseHolder(holder)))];
  if (changes.length > 0) await upsert(changes).execute(db);
  if (leave.length > 0) await remove(leave).execute(db);
  return gone;
}

const named = (holders: readonly LeaseHolder[]): RawBuilder<unknown> => sql`
  (select distinct n.client_id, n.name from json_to_recordset(${JSON.stringify(
    holders.map(({ clientId, name }) => ({ client_id: clientId, name })),
  )}::json) as n(client_id text, name text)) as named`;

/** A new row begins with a number by chance: whoever knew an earlier row of that name must not take it for that. */
const FIRST_RENEWAL = sql`floor(random() * 1000000000)::bigint`;

/**
 * The newest acknowledgement stays, whatever order two servers write in; so does what was reported with it. Of another
 * log it says nothing, and the writer's is the one that counts.
 */
const upsert = (changes: readonly RowChange[]): RawBuilder<unknown> => sql`
  insert into replicas (client_id, name, since, lease_ms, incarnation, applied, renewal, chain, live)
  select n.client_id, n.name, n.since, n.lease_ms, n.incarnation, n.applied, ${FIRST_RENEWAL}, n.chain, n.live
  from json_to_recordset(${JSON.stringify(changes.map(columnsOf))}::json)
    as n(client_id text, name text, since bigint, lease_ms integer, incarnation text, applied bigint, chain text, live text)
  order by n.client_id, n.name
  on conflict (client_id, name) do update set
    lease_ms = greatest(replicas.lease_ms, excluded.lease_ms),
    incarnation = excluded.incarnation,
    applied = case when ${IS_AHEAD} then replicas.applied else excluded.applied end,
    chain = case when ${IS_AHEAD} then replicas.chain else excluded.chain end,
    live = coalesce(excluded.live, replicas.live),
    renewal = replicas.renewal + 1`;

const IS_AHEAD = sql`(replicas.incarnation = excluded.incarnation and replicas.applied > excluded.applied)`;

const remove = (leave: DirectoryWrite["leave"]): RawBuilder<unknown> => sql`
  delete from replicas using json_to_recordset(${JSON.stringify(
    leave.map(({ holder, renewal }) => ({ client_id: holder.clientId, name: holder.name, renewal })),
  )}::json) as n(client_id text, name text, renewal bigint)
  where replicas.client_id = n.client_id and replicas.name = n.name
    and (n.renewal is null or replicas.renewal = n.renewal)`;

function columnsOf({ holder, since, leaseMs, report }: RowChange) {
  const { incarnation, applied, chain, live } = report;
  return {
    client_id: holder.clientId,
    name: holder.name,
    since,
    lease_ms: leaseMs,
    incarnation,
    applied,
    chain: chain ?? null,
    live: live === undefined ? null : JSON.stringify(live),
  };
}

function directoryRowOf(row: Selectable<ReplicasTable>): DirectoryRow {
  return {
    holder: holderOf(row),
    since: row.since,
    leaseMs: row.lease_ms,
    report: row.incarnation === null ? undefined : { ...reportOf(row), incarnation: row.incarnation },
    renewal: row.renewal,
  };
}

const liveSchema = z.object({ applied: z.int().nonnegative(), digest: liveDigestSchema });

function reportOf({ applied, chain, live }: Selectable<ReplicasTable>): Omit<RowReport, "incarnation"> {
  return {
    applied,
    chain: chain ?? undefined,
    live: live === null ? undefined : liveSchema.safeParse(JSON.parse(live)).data,
  };
}

const holderOf = (row: Pick<ReplicasTable, "client_id" | "name">): LeaseHolder => ({
  clientId: row.client_id,
  name: row.name,
});

/** Without the directory nobody can be told that a lease is theirs. */
async function orUnavailable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw logError("temporarily_unavailable", { detail: (cause as Error).message, cause });
  }
}
