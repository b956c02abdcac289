/** A database that goes away, and comes back. */
import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";
import { hasCode } from "@portcullis/protocol";
import { startPostgres } from "@portcullis/testing/servers";
import { sql } from "kysely";
import { commitCuttingProxy } from "../commit-cutting-proxy.ts";
import { oneTo, storedSeqs } from "../temporary-storage.ts";
import { append, opening, postgresOfFile, seqsHeardBy } from "./servers.ts";

const { createDatabase, otherClient, twoServers } = await postgresOfFile();

test("an append after the server has ended every idle connection is stored", async (t) => {
  const [server] = await twoServers(t);
  await append(server, "a");
  const other = await otherClient(t, server);
  await other.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid != pg_backend_pid()",
  );
  assert.equal((await append(server, "b")).seq, 2);
  assert.equal(await server.log.refresh(), 2);
});

test("a commit whose answer is lost is told as a failure, and is found later, once", async (t) => {
  const url = new URL(await createDatabase());
  const proxy = await commitCuttingProxy(Number(url.port));
  t.after(() => proxy.close());
  url.port = String(proxy.port);
  const storage = await opening(t, url.href)();
  const heard = seqsHeardBy(storage);
  proxy.cutAfterNextCommit();
  await assert.rejects(append(storage, "a"), (error) => hasCode(error, "storage_unavailable"));
  assert.equal(await storage.log.refresh(), 1);
  assert.equal((await append(storage, "b")).seq, 2);
  assert.deepEqual(heard, [1, 2]);
});

test("while the database is away everything is 503, and it comes back by itself", async (t) => {
  const own = await startPostgres();
  t.after(() => own.stop());
  const storage = await opening(t, await own.createDatabase())();
  await append(storage, "a");
  await own.kill("SIGKILL");
  const isAway = (error: unknown) => hasCode(error, "storage_unavailable");
  await assert.rejects(append(storage, "b"), isAway);
  await assert.rejects(storage.log.refresh(), isAway);
  await assert.rejects(storage.read.selectFrom("replicas").selectAll().execute(), isAway);
  await own.restart();
  assert.equal(await storage.log.refresh(), 1);
  assert.equal((await append(storage, "b")).seq, 2);
});

test("PostgreSQL killed in mid-run loses nothing that was answered", async (t) => {
  const own = await startPostgres();
  t.after(() => own.stop());
  const open = opening(t, await own.createDatabase());
  const servers = await Promise.all([open(), open()]);
  const heard = servers.map(seqsHeardBy);
  const answered = new Set<number>();
  const enough = Promise.withResolvers<void>();
  let stopping = false;
  const runs = oneTo(8).map(async (name) => {
    for (let index = 0; !stopping; index++) {
      try {
        answered.add((await append(servers[name % 2]!, `${name}-${index}`)).seq);
        if (answered.size > 300) enough.resolve();
      } catch (error) {
        assert.ok(hasCode(error, "storage_unavailable"), String(error));
        await once(AbortSignal.timeout(20), "abort");
      }
    }
  });
  await enough.promise;
  await own.kill("SIGKILL");
  await own.restart();
  const before = answered.size;
  while (answered.size < before + 50) await once(AbortSignal.timeout(20), "abort");
  stopping = true;
  await Promise.all(runs);
  const stored = await storedSeqs(servers[0]);
  assert.deepEqual(stored, oneTo(stored.length));
  assert.deepEqual(
    [...answered].filter((seq) => seq > stored.length),
    [],
  );
  for (const [at, server] of servers.entries()) {
    await server.log.refresh();
    assert.deepEqual(heard[at], stored);
  }
});

test("connections do not take settings that would lose commits, whatever the URL says", async (t) => {
  const url = new URL(await createDatabase());
  url.searchParams.set("options", "-c synchronous_commit=off");
  const storage = await opening(t, url.href)();
  const shown = await storage.write(({ db }) =>
    sql<{ synchronous_commit: string }>`show synchronous_commit`.execute(db),
  );
  assert.equal(shown.rows[0]!.synchronous_commit, "on");
});
