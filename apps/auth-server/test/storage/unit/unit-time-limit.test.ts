import assert from "node:assert/strict";
import test from "node:test";
import { hasCode } from "@portcullis/protocol";
import { SqlRevocationLog } from "../../../src/storage/log/sql-revocation-log.ts";
import { migrations } from "../../../src/storage/migrations/index.ts";
import { openWriter, queriesOn } from "../../../src/storage/sqlite/connection.ts";
import { prepareDataFile } from "../../../src/storage/sqlite/data-file.ts";
import { sqliteGroupConnection } from "../../../src/storage/sqlite/group-connection.ts";
import { migrateToLatest } from "../../../src/storage/sqlite/migrate.ts";
import { GroupCommit } from "../../../src/storage/unit/group-commit.ts";
import { draft, storageOptions, temporaryFile } from "../temporary-storage.ts";

test("a unit that waits for something foreign is undone, and the others go on", async (t) => {
  const file = temporaryFile(t);
  prepareDataFile(file);
  const writer = openWriter(file);
  t.after(() => writer.database.close());
  await migrateToLatest(writer.database, migrations);
  const db = queriesOn(writer.prepare);
  const options = { ...storageOptions(file), dialect: "sqlite", read: db, write: db } as const;
  const log = await SqlRevocationLog.open(options);
  const counters = { units: 0, commits: 0, failedCommits: 0 };
  const commits = new GroupCommit({
    connections: [sqliteGroupConnection(writer)],
    log,
    counters,
    unitTimeLimitMs: 20,
  });

  const stuck = commits.write(async (transaction) => {
    transaction.append([draft("stuck")]);
    await new Promise(() => undefined);
  });
  const next = commits.write((transaction) => transaction.append([draft("next")]));
  await assert.rejects(stuck, (error) => hasCode(error, "unit_timed_out"));
  assert.equal((await next).seq, 1);
  assert.deepEqual(counters, { units: 1, commits: 1, failedCommits: 0 });
});
