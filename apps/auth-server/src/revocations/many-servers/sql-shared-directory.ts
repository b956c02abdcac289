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
  DirectoryWritten,
  FoundRow,
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

async function find(db: Execute, holders: readonly LeaseHolder[]): Promise<ReadonlyMap<string, FoundRow>> {
  const { rows } = await sql<Pick<ReplicasTable, "client_id" | "name" | "lease_ms" | "secret_hash">>`
    select r.client_id, r.name, r.lease_ms, r.secret_hash from replicas r join ${named(holders)} using (client_id, name)`.execute(
    db,
  );
  return new Map(
    rows.map((row) => [
      keyOfLeaseHolder(holderOf(row)),
      { leaseMs: row.lease_ms, secretHash: row.secret_hash ?? undefined },
    ]),
  );
}

async function write(db: Execute, { enter, renew, leave }: DirectoryWrite): Promise<DirectoryWritten> {
  const holders = [...enter, ...renew, ...leave].map(({ holder }) => holder);
  // In the same order at every server: otherwise two of them could wait for each other's rows.
  const { rows: locked } = await sql<Pick<ReplicasTable, "client_id" | "name">>`
    select r.client_id, r.name from replicas r join ${named(holders)} using (client_id, name)
    order by r.client_id, r.name for update of r`.execute(db);
  if (leave.length > 0) await remove(leave).execute(db);
  const present = new Set(locked.map((row) => keyOfLeaseHolder(holderOf(row))));
  const gone = renew.map(({ holder }) => keyOfLeaseHolder(holder)).filter((key) => !present.has(key));
  const changes = [...enter, ...renew.filter(({ holder }) => present.has(keyOfLeaseHolder(holder)))];
  const written = changes.length > 0 ? (await upsert(changes).execute(db)).rows : [];
  const own = new Set(written.map((row) => keyOfLeaseHolder(holderOf(row))));
  const taken = changes.map(({ holder }) => keyOfLeaseHolder(holder)).filter((key) => !own.has(key));
  return { gone, taken };
}

const named = (holders: readonly LeaseHolder[]): RawBuilder<unknown> => sql`
  (select distinct n.client_id, n.name from json_to_recordset(${JSON.stringify(
    holders.map(({ clientId, name }) => ({ client_id: clientId, name })),
  )}::json) as n(client_id text, name text)) as named`;

/** A new row begins with a number by chance: whoever knew an earlier row of that name must not take it for that. */
const FIRST_RENEWAL = sql`floor(random() * 1000000000)::bigint`;

/**
 * Writes no row of another process, unless it was seen to be silent and has not been written since. The newest
 * acknowledgement stays, whatever order two servers write in; so does what was reported with it. Of another log it says
 * nothing, and the writer's is the one that counts.
 */
const upsert = (changes: readonly RowChange[]): RawBuilder<Pick<ReplicasTable, "client_id" | "name">> => sql`
  insert into replicas (client_id, name, secret_hash, address, since, lease_ms, incarnation, applied, renewal, chain, live)
  select n.client_id, n.name, n.secret_hash, n.address, n.since, n.lease_ms, n.incarnation, n.applied, ${FIRST_RENEWAL}, n.chain, n.live
  from ${recordset(changes)}
    as n(client_id text, name text, secret_hash text, address text, renewal_of_silent bigint, since bigint, lease_ms integer, incarnation text, applied bigint, chain text, live text)
  order by n.client_id, n.name
  on conflict (client_id, name) do update set
    lease_ms = greatest(replicas.lease_ms, excluded.lease_ms),
    incarnation = excluded.incarnation,
    applied = case when ${IS_AHEAD} then replicas.applied else excluded.applied end,
    chain = case when ${IS_AHEAD} then replicas.chain else excluded.chain end,
    live = coalesce(excluded.live, replicas.live),
    since = case when replicas.secret_hash = excluded.secret_hash then replicas.since else excluded.since end,
    secret_hash = excluded.secret_hash,
    address = excluded.address,
    renewal = replicas.renewal + 1
  where replicas.secret_hash is null or replicas.secret_hash = excluded.secret_hash
    or replicas.renewal = (select o.renewal_of_silent from ${recordset(changes)}
      as o(client_id text, name text, renewal_of_silent bigint)
      where o.client_id = excluded.client_id and o.name = excluded.name)
  returning replicas.client_id, replicas.name`;

const recordset = (changes: readonly RowChange[]): RawBuilder<unknown> =>
  sql`json_to_recordset(${JSON.stringify(changes.map(columnsOf))}::json)`;

const IS_AHEAD = sql`(replicas.incarnation = excluded.incarnation and replicas.applied > excluded.applied)`;

const remove = (leave: DirectoryWrite["leave"]): RawBuilder<unknown> => sql`
  delete from replicas using json_to_recordset(${JSON.stringify(
    leave.map(({ holder, renewal, secretHash }) => ({
      client_id: holder.clientId,
      name: holder.name,
      renewal,
      secret_hash: secretHash,
    })),
  )}::json) as n(client_id text, name text, renewal bigint, secret_hash text)
  where replicas.client_id = n.client_id and replicas.name = n.name
    and (n.renewal is null or replicas.renewal = n.renewal)
    and (n.secret_hash is null or coalesce(replicas.secret_hash, n.secret_hash) = n.secret_hash)`;

function columnsOf({ holder, secretHash, address, over, since, leaseMs, report }: RowChange) {
  const { incarnation, applied, chain, live } = report;
  return {
    client_id: holder.clientId,
    name: holder.name,
    secret_hash: secretHash,
    address: address ?? null,
    renewal_of_silent: over ?? null,
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
    secretHash: row.secret_hash ?? undefined,
    address: row.address ?? undefined,
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
