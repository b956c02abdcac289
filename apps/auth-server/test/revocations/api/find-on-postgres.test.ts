import assert from "node:assert/strict";
import test, { after } from "node:test";
import { startPostgres } from "@portcullis/testing/servers";
import { sql } from "kysely";
import { checkListQuery } from "../../../src/revocations/api/check-inspect-query.ts";
import { findRevocation, findRevocations } from "../../../src/revocations/api/find-revocations.ts";
import { logPage } from "../../../src/revocations/api/log-pages.ts";
import { storedChains } from "../../../src/revocations/verifiers/stored-chains.ts";
import { closingStorages, draft, oneTo, storageOptions } from "../../storage/temporary-storage.ts";

const postgres = await startPostgres({ fsync: false });
after(() => postgres.stop());

test("what operators ask is answered by PostgreSQL as by SQLite", async (t) => {
  const database = { kind: "postgres", url: await postgres.createDatabase(), poolSize: 4 } as const;
  const { log, read, write } = await closingStorages(t, { ...storageOptions("unused"), database })();
  await write(async (transaction) =>
    transaction.append([
      ...oneTo(6000).map((at) => draft(`s${at}`)),
      draft("alice", { scope: "session", actor: "admin", note: "lost phone" }),
      draft("alice", { scope: "subject", mode: "stale", reason: "claims_changed" }),
      { ...draft("x"), scope: "subject-client", key: { subject: "alice", client: "web" } },
      { ...draft("x"), scope: "subject-audience", key: { subject: "alice", audience: "web" } },
    ]),
  );
  const gone = { deleted_at: 1, deleted_by: "admin", name: "Shop" };
  await write(async ({ db }) => {
    await db
      .insertInto("deleted_clients")
      .values({ ...gone, client_id: "web" })
      .execute();
    await db
      .insertInto("deleted_apis")
      .values({ ...gone, identifier: "web" })
      .execute();
    const alice = { id: "alice", label: "Alice", username_key: "alice", deleted_at: 1, deleted_by: null };
    await db.insertInto("deleted_users").values(alice).execute();
  });
  const head = await log.refresh();
  const options = {
    read,
    keySpace: log.keySpace,
    head,
    oldestKept: log.oldestKept(),
    subsOf: async () => [],
    ownApi: undefined,
  };
  const found = async (query: object) => {
    const { revocations } = await findRevocations(options, checkListQuery(query));
    return revocations.map(({ seq }) => seq);
  };
  assert.deepEqual(await found({ key: "alice" }), [6002, 6001]);
  const ofUser = { ...options, subsOf: async () => ["alice"] };
  const all = await findRevocations(ofUser, checkListQuery({ key: "alice" }));
  assert.deepEqual(
    all.revocations.map(({ seq, subjectName, clientName }) => [seq, subjectName, clientName]),
    [
      [6004, "Alice", undefined],
      [6003, "Alice", "Shop"],
      [6002, "Alice", undefined],
      [6001, undefined, undefined],
    ],
  );
  assert.deepEqual(await found({ subject: "alice", client: "web" }), [6003]);
  assert.deepEqual(await found({ subject: "alice", audience: "web" }), [6004]);
  assert.deepEqual(await found({ actor: "admin" }), [6001]);
  await assert.rejects(found({ actor: "a\0b" }), { code: "invalid_request" });
  await assert.rejects(found({ key: "a\0b" }), { code: "invalid_request" });
  for (const extreme of ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"]) {
    await found({ since: extreme, until: extreme, before: "999999999999999" });
  }
  assert.deepEqual(await found({ actor: "%" }), []);
  assert.deepEqual(await found({ until: "2020-01-01T00:00:00Z" }), []);
  assert.deepEqual((await found({ limit: "500" })).at(-1), 5505);
  assert.deepEqual((await findRevocation(read, 6003))?.key, { subject: "alice", client: "web" });
  assert.equal(await findRevocation(read, 6005), undefined);

  const page = await logPage({ read, log }, { after: 5000, limit: 10_000 });
  assert.deepEqual([page.after, page.to, page.records.length], [5000, 6004, Math.ceil((1004 * 40 * 4) / 3)]);
  const chains = await storedChains(read, [5000, 6005]);
  assert.deepEqual([...chains.keys()], [0, 5000]);
  assert.equal(chains.get(5000), page.chainBefore);

  await sql`analyze revocations`.execute(read);
  const plan = await sql<object>`
    explain select seq from revocations where key = ${log.keySpace.keyOf("subject", "s9")}`.execute(read);
  assert.match(JSON.stringify(plan.rows), /revocations_by_key/);
});
