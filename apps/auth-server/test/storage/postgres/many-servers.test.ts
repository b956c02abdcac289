/** Other servers on the same database: one log, and what each hears of the others. */
import assert from "node:assert/strict";
import test from "node:test";
import { hasCode, silentLog, systemClock } from "@portcullis/protocol";
import { KeyRing } from "../../../src/keys/key-ring.ts";
import { loadCookieKeys } from "../../../src/secrets/cookie-keys.ts";
import { createGuessLimit } from "../../../src/sign-in/guess-limit.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import { wallClock } from "../../clocks.ts";
import { oneTo } from "../temporary-storage.ts";
import { append, opening, postgresOfFile, randomBytes, seqsHeardBy } from "./servers.ts";

const { createDatabase, otherClient, twoServers } = await postgresOfFile();

test("servers that start at once on an empty database come up as one issuer", async (t) => {
  const [left, right] = await twoServers(t);
  assert.equal(left.log.incarnation, right.log.incarnation);
  assert.deepEqual(left.log.hashKey, right.log.hashKey);
  const keysOf = async (storage: Storage) => {
    const options = { storage, clock: systemClock, randomBytes };
    const ring = await KeyRing.open({ storage, clock: systemClock, operatorLog: silentLog });
    return [ring.state().keys, await loadCookieKeys(options)];
  };
  const [ours, theirs] = await Promise.all([keysOf(left), keysOf(right)]);
  assert.deepEqual(ours, theirs);
});

test("two servers that append at once: no gap, one order, one chain, and both hear all of it in order", async (t) => {
  const servers = await twoServers(t);
  const heard = servers.map(seqsHeardBy);
  const given = await Promise.all(
    oneTo(300).map(async (index) => {
      const server = servers[index % 2]!;
      const { seq } = await append(server, String(index));
      assert.ok(server.log.head() >= seq, "nobody is told before the server itself has got there");
      return seq;
    }),
  );
  assert.deepEqual(
    given.toSorted((left, right) => left - right),
    oneTo(300),
  );
  for (const [at, server] of servers.entries()) {
    await server.log.refresh();
    assert.deepEqual(heard[at], oneTo(300));
  }
  const [left, right] = servers.map(({ log }) => Buffer.from(log.position().chain).toString("hex"));
  assert.equal(left, right);
});

test("a refresh reads what another server has committed, also when its notification is lost", async (t) => {
  const [left, right] = await twoServers(t);
  const heard = seqsHeardBy(right);
  await append(left, "a");
  assert.equal(await right.log.refresh(), 1);
  assert.deepEqual(heard, [1]);
});

test("tokens that live longer at another server count at once, and nothing is stored for too short", async (t) => {
  const open = opening(t, await createDatabase());
  const short = await open({ tokenLifetimeSeconds: 300 });
  const long = await open({ tokenLifetimeSeconds: 600 });
  let incarnations = 0;
  short.log.onIncarnation(() => incarnations++);
  await assert.rejects(append(short, "a"), (error) => hasCode(error, "storage_unavailable"));
  await short.log.refresh();
  assert.deepEqual([incarnations, short.log.tokenLifetimeSeconds], [1, 600]);
  assert.equal(short.log.incarnation, long.log.incarnation);
  await append(short, "a");
  const [record] = await short.log.read(0, 1);
  assert.equal(record!.expiresAt - record!.revokedAt, 610);
});

test("a server whose clock is half an hour ahead of the database's does not start, and changes nothing", async (t) => {
  const open = opening(t, await createDatabase());
  const right = await open();
  for (const ahead of [1800, -1800]) {
    const clock = { wallMs: () => Date.now() + ahead * 1000, monotonicMs: systemClock.monotonicMs };
    // The database's own clock, and not one that a test has set.
    const start = open({ clock, databaseClock: undefined, tokenLifetimeSeconds: 600 });
    await assert.rejects(start, (error) => hasCode(error, "clock_wrong"));
  }
  const lifetimes = await right.read.selectFrom("token_lifetimes").select("seconds").execute();
  assert.deepEqual(
    lifetimes.map(({ seconds }) => seconds),
    [300],
  );
});

test("a listener hears other servers, and says when it is back after it was away", async (t) => {
  const [left, right] = await twoServers(t);
  const messages: string[] = [];
  let resumed = Promise.withResolvers<void>();
  let heard = Promise.withResolvers<void>();
  const listening = left.listen!(
    "portcullis",
    (payload) => {
      messages.push(payload);
      heard.resolve();
    },
    () => resumed.resolve(),
  );
  t.after(() => listening.close());
  await resumed.promise;
  await append(right, "a");
  await heard.promise;
  const message = { type: "head", incarnation: left.log.incarnation, seq: 1 };
  assert.deepEqual(JSON.parse(messages[0]!), message);
  resumed = Promise.withResolvers();
  heard = Promise.withResolvers();
  const other = await otherClient(t, left);
  await other.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen%' and datname = current_database()",
  );
  await resumed.promise;
  listening.notify("hello");
  await heard.promise;
  assert.equal(messages.at(-1), "hello");
});

test("guesses at two servers are counted together", async (t) => {
  const servers = await twoServers(t);
  const limits = servers.map((storage) =>
    createGuessLimit({ storage, clock: wallClock(() => 1000), clockSkewMs: 5000 }),
  );
  const attempt = { usernameKey: "alice", address: "127.0.0.1", standing: { kind: "stranger" } } as const;
  const waits = await Promise.all(oneTo(30).map((index) => limits[index % 2]!.take(attempt)));
  assert.equal(waits.filter((wait) => wait === undefined).length, 6);
});
