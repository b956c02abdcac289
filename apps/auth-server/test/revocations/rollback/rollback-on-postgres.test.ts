import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import test, { after, type TestContext } from "node:test";
import {
  encodeBase64url,
  encodeIdentifier,
  type RevocableClaims,
  silentLog,
  systemTimer,
} from "@portcullis/protocol";
import { until } from "@portcullis/testing/end-to-end";
import { startPostgres } from "@portcullis/testing/servers";
import pg from "pg";
import { FeedPublisher } from "../../../src/redis/feed-publisher.ts";
import { PlainKeys } from "../../../src/redis/plain-keys.ts";
import { RedisDamage } from "../../../src/redis/redis-damage.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import {
  clientFor,
  connectFor,
  entriesIn,
  PREFIX,
  redisForTest,
  singleOn,
} from "../../redis/redis-under-test.ts";
import { oneTo } from "../../storage/temporary-storage.ts";
import { ISSUER, type RevocationsServer, serveRevocations } from "../revocations-server.ts";

const postgres = await startPostgres({ fsync: false });
after(() => postgres.stop());

const newIdentifier = () => encodeIdentifier(randomBytes(16));

async function world(t: TestContext) {
  const url = await postgres.createDatabase();
  const database = { kind: "postgres", url, poolSize: 4 } as const;
  return { url, serve: () => serveRevocations(t, { database }) };
}

/** As a restored backup leaves it, or a copy that took over and had not everything. */
async function restoreTo(seq: number, url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("begin");
  await client.query("delete from revocations where seq > $1", [seq]);
  await client.query(
    `update revocation_state set head = $1::bigint, chain = coalesce(
       (select chain from revocations where seq = $1::bigint), anchor_chain)`,
    [seq],
  );
  await client.query("commit");
  await client.end();
}

/** The claims of a token with this horizon. */
function tokenWith(rv: number, sid = newIdentifier()): RevocableClaims {
  const iat = Math.floor(Date.now() / 1000);
  return { iss: ISSUER, iat, exp: iat + 300, rv, jti: newIdentifier(), sid };
}

const outcomeAt = ({ revocations: { local } }: RevocationsServer, claims: RevocableClaims) =>
  local.verdict(local.coordinatesOf(claims, {})).outcome;

const revokeSession = ({ storage }: RevocationsServer, key = newIdentifier(), count = 1) =>
  storage.write(async ({ append }) =>
    append(oneTo(count).map(() => ({ scope: "session", mode: "kill", reason: "kicked", key }))),
  );

test("two servers that notice a restored database at the same time end with one new log", async (t) => {
  const { url, serve } = await world(t);
  const servers = [await serve(), await serve()] as const;
  const [first, second] = servers;
  const { incarnation } = first.storage.log;
  const kept = newIdentifier();
  await revokeSession(first, kept);
  const lost = newIdentifier();
  await revokeSession(second, lost, 20);
  await Promise.all(servers.map(({ storage }) => storage.log.refresh()));
  const void_ = [tokenWith(1), tokenWith(20), tokenWith(21, lost)];

  await restoreTo(1, url);
  await Promise.all(servers.map(({ revocations }) => revocations.rollback.look()));

  const heads = await Promise.all(servers.map(({ storage }) => storage.log.refresh()));
  assert.equal(heads[0], heads[1]);
  assert.notEqual(first.storage.log.incarnation, incarnation);
  assert.equal(first.storage.log.incarnation, second.storage.log.incarnation);
  for (const server of servers) {
    await server.revocations.local.settled();
    for (const token of void_) assert.equal(outcomeAt(server, token), "killed");
    const fresh = tokenWith(server.storage.log.head());
    assert.equal(outcomeAt(server, fresh), "allow");
    assert.equal(outcomeAt(server, { ...fresh, sid: kept }), "killed");
  }
  const seqs = await first.storage.read.selectFrom("revocations").select("seq").orderBy("seq").execute();
  assert.deepEqual(
    seqs.map(({ seq }) => seq),
    oneTo(heads[0]!),
  );

  // And it goes on: what either revokes, both enforce.
  const next = newIdentifier();
  const horizon = first.storage.log.head();
  await revokeSession(second, next);
  await first.storage.log.refresh();
  for (const server of servers) assert.equal(outcomeAt(server, tokenWith(horizon, next)), "killed");
});

test("a revocation on a restored database is not told as done before it is enforced", async (t) => {
  const { url, serve } = await world(t);
  const server = await serve();
  await revokeSession(server, newIdentifier(), 50);
  await restoreTo(10, url);
  const sid = newIdentifier();
  const told = await revokeSession(server, sid).then(
    () => true,
    () => false,
  );
  const isDenied = outcomeAt(server, tokenWith(0, sid)) === "killed";
  assert.ok(!told || isDenied, "told as done, and allowed");
  await assert.doesNotReject(server.revocations.rollback.look());
  assert.equal(outcomeAt(server, tokenWith(50, sid)), "killed");
});

test("a restored database that has grown to the same seq again is noticed", async (t) => {
  const { url, serve } = await world(t);
  const server = await serve();
  const { log } = server.storage;
  const { incarnation } = log;
  await revokeSession(server, newIdentifier(), 5);
  await restoreTo(3, url);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  // What a server writes that began on the restored database.
  await client.query(
    `insert into revocations select (json_populate_record(r, json_build_object('seq', 3 + n, 'chain', '\\x' || repeat('ab', 32)))).*
     from revocations r, generate_series(1, 2) n where r.seq = 3`,
  );
  await client.query(`update revocation_state set head = 5, chain = decode(repeat('ab', 32), 'hex')`);
  await client.end();
  await server.revocations.rollback.look();
  assert.notEqual(log.incarnation, incarnation);
  assert.equal(outcomeAt(server, tokenWith(5)), "killed");
  assert.equal(outcomeAt(server, tokenWith(log.head())), "allow");
});

test("a server that had seen more than the one that recovered voids what lies between", async (t) => {
  const { url, serve } = await world(t);
  const server = await serve();
  await revokeSession(server, newIdentifier(), 5000);
  const between = tokenWith(4000);
  await restoreTo(1, url);
  const other = await serve();
  await other.revocations.rollback.declareLoss({ actor: "operator", beyond: 50 });
  await server.revocations.rollback.look();
  await server.revocations.local.settled();
  assert.equal(server.storage.log.incarnation, other.storage.log.incarnation);
  assert.equal(outcomeAt(server, between), "killed");
  await other.storage.log.refresh();
  assert.equal(outcomeAt(other, between), "killed");
});

test("Redis gets the new log from its beginning, and keeps the keys of what was revoked", async (t) => {
  const { url, serve } = await world(t);
  const redis = await redisForTest(t);
  const servers = [await serve(), await serve()] as const;
  for (const { storage } of servers) publishTo(t, redis, storage);
  const client = await clientFor(t, redis);
  const [server] = servers;
  const { log } = server.storage;
  const reached = () =>
    until(
      async () => {
        const entries = await entriesIn(client);
        const last = entries.at(-1);
        return last?.to === log.head() && last.incarnation === log.incarnation ? entries : undefined;
      },
      { what: "the stream of this log" },
    );
  const keyOf = async (sid: string) => {
    await until(async () => (await client.exists(`revoked:sid:${sid}`)) === 1, { what: "the key" });
  };
  const [kept, lost, next] = [newIdentifier(), newIdentifier(), newIdentifier()];
  await revokeSession(server, kept);
  await revokeSession(server, lost, 30);
  await reached();
  await keyOf(lost);

  await restoreTo(1, url);
  await Promise.all(servers.map(({ revocations }) => revocations.rollback.look()));
  await revokeSession(server, next);
  const entries = await reached();
  for (const entry of entries) {
    assert.equal(entry.incarnation, log.incarnation);
    const [record] = await log.read(entry.to - 1, 1);
    assert.equal(entry.chain, encodeBase64url(record!.chain));
  }
  assert.ok(entries.every(({ prev }, at) => at === 0 || entries[at - 1]!.to === prev));
  for (const sid of [kept, lost, next]) await keyOf(sid);
});

function publishTo(t: TestContext, redis: Awaited<ReturnType<typeof redisForTest>>, storage: Storage) {
  const connected = connectFor(t, singleOn(redis));
  const shared = {
    redis: connected.connection,
    keyPrefix: PREFIX,
    log: storage.log,
    operatorLog: silentLog,
    compareMs: 100,
    damage: new RedisDamage(),
  };
  const publisher = new FeedPublisher({
    ...shared,
    setTimer: systemTimer,
  });
  const plainKeys = new PlainKeys({ ...shared, read: storage.read, retention: storage.log.retention });
  t.after(() => Promise.all([publisher.close(), plainKeys.close()]));
}
