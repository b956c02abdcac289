/** Units of writing that wait for each other's rows, for the log's counter, or for somebody who hangs. */
import assert from "node:assert/strict";
import test from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { sql } from "kysely";
import { firstLockLimitMs } from "../../../src/storage/postgres/group-connection.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import { draft, oneTo } from "../temporary-storage.ts";
import { append, lockIsWaitedFor, postgresOfFile } from "./servers.ts";

const { otherClient, twoServers } = await postgresOfFile();

test("a transaction that somebody else leaves open stalls no append", async (t) => {
  const [left, right] = await twoServers(t);
  const other = await otherClient(t, left);
  await other.query("begin; insert into replicas (client_id, name, lease_ms) values ('x', 'y', 1)");
  await other.query("select head from revocation_state");
  assert.equal((await append(left, "a")).seq, 1);
  assert.equal((await append(right, "b")).seq, 2);
});

test("a unit that hangs stalls nobody else, and is undone", async (t) => {
  const [server] = await twoServers(t);
  let go = () => {};
  const hanging = server.write(async (transaction) => {
    transaction.append([draft("late")]);
    await new Promise<void>((resolve) => {
      go = resolve;
    });
  });
  for (const index of oneTo(20)) assert.equal((await append(server, String(index))).seq, index);
  go();
  await hanging;
  assert.equal(server.log.head(), 21);
});

test("units of clients that hang in every lane that is theirs hold up none of the server's own", async (t) => {
  const [server] = await twoServers(t);
  const released = Promise.withResolvers<void>();
  let answered = 0;
  const hanging = oneTo(40).map(() =>
    server
      .write(() => released.promise, { onBehalfOf: "client" })
      .then(
        () => answered++,
        () => answered++,
      ),
  );
  assert.equal((await append(server, "a")).seq, 1);
  // Each is given up after five seconds: in turn, they would take minutes.
  assert.ok(answered < 20, `${answered} of 40 were answered first`);
  released.resolve();
  await Promise.all(hanging);
});

test("units that wait for each other's rows all get through", async (t) => {
  const [left, right] = await twoServers(t);
  const names = ["a", "b", "c", "d"];
  const rows = names.map((name) => ({ client_id: "x", name, lease_ms: 0 }));
  await left.write(({ db }) => db.insertInto("replicas").values(rows).execute());
  const touchAll = (storage: Storage, order: readonly string[]) =>
    storage.write(async ({ db }) => {
      for (const name of order) {
        const more = sql<number>`lease_ms + 1`;
        await db.updateTable("replicas").set({ lease_ms: more }).where("name", "=", name).execute();
      }
    });
  await Promise.all(oneTo(20).flatMap(() => [touchAll(left, names), touchAll(right, names.toReversed())]));
  const after = await left.read.selectFrom("replicas").select("lease_ms").execute();
  assert.deepEqual(
    after.map(({ lease_ms }) => lease_ms),
    [40, 40, 40, 40],
  );
});

test("units wait for a lock for times that differ by chance, and short enough for several in one unit", () => {
  const [shortest, longest] = [firstLockLimitMs(() => 0), firstLockLimitMs(() => 0.999)];
  assert.ok(shortest > 0 && longest > 3 * shortest);
  assert.ok(longest * 10 < 5000, "the time limit of a unit");
});

test("a burst of appends is one group, and not one of each lane", async (t) => {
  const [server] = await twoServers(t);
  // All lanes connect.
  await Promise.all(oneTo(8).map(() => server.write(({ db }) => sql`select pg_sleep(0.05)`.execute(db))));
  const { commits } = server.counters;
  await Promise.all(oneTo(200).map((index) => append(server, String(index))));
  assert.equal(server.counters.commits - commits, 1);
  // While those are stored, more arrive one after the other, as requests do.
  const more = oneTo(20).map(async (index) => {
    for (let turn = 0; turn < index; turn++) await nextTurn();
    await append(server, `late ${index}`);
  });
  await Promise.all([append(server, "first"), ...more]);
  assert.ok(server.counters.commits - commits <= 10, `${server.counters.commits - commits} commits`);
});

test("while another server hangs with the log's counter, what appends nothing is still stored", async (t) => {
  const [server] = await twoServers(t);
  const other = await otherClient(t, server);
  await other.query("begin; select 1 from revocation_state for update");
  const appended = append(server, "a");
  await lockIsWaitedFor(server);
  const replica = { client_id: "x", name: "y", lease_ms: 1 };
  const first = await Promise.race([
    appended.then(() => "append", String),
    server.write(({ db }) => db.insertInto("replicas").values(replica).execute()).then(() => "replica"),
  ]);
  assert.equal(first, "replica");
  await other.query("commit");
  assert.equal((await appended).seq, 1);
});

test("a statement that a unit asked, saw fail and went on after ends that unit, and not the next", async (t) => {
  const [server] = await twoServers(t);
  const replica = { client_id: "x", name: "y", lease_ms: 1 };
  const [careless, next, appended] = await Promise.allSettled([
    server.write(({ db }) => sql`select nothing`.execute(db).catch(() => undefined)),
    server.write(({ db }) => db.insertInto("replicas").values(replica).execute()),
    append(server, "a"),
  ]);
  assert.deepEqual([careless.status, next.status, appended.status], ["rejected", "fulfilled", "fulfilled"]);
});
