import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import test from "node:test";
import { hasCode } from "@portcullis/protocol";
import { SqlRevocationLog } from "../../src/revocations/sql-revocation-log.ts";
import { prepareDataFile } from "../../src/storage/data-file.ts";
import { GroupCommit } from "../../src/storage/group-commit.ts";
import { migrateToLatest } from "../../src/storage/migrate.ts";
import { migrations } from "../../src/storage/migrations/index.ts";
import { openWriter, queriesOn } from "../../src/storage/sqlite-connection.ts";
import { draft, storageOptions, temporaryFile } from "./temporary-storage.ts";

test("a unit that waits for something foreign is undone, and the others go on", async (t) => {
  const file = temporaryFile(t);
  prepareDataFile(file);
  const writer = openWriter(file);
  t.after(() => writer.database.close());
  await migrateToLatest(writer.database, migrations);
  const db = queriesOn(writer.prepare);
  const log = await SqlRevocationLog.open({ ...storageOptions(file), read: db, write: db, randomBytes });
  const counters = { units: 0, commits: 0, failedCommits: 0 };
  const commits = new GroupCommit({ writer, log, counters, unitTimeLimitMs: 20 });

  const stuck = commits.write(async (transaction) => {
    await transaction.append([draft("stuck")]);
    await new Promise(() => undefined);
  });
  const next = commits.write((transaction) => transaction.append([draft("next")]));
  await assert.rejects(stuck, (error) => hasCode(error, "unit_timed_out"));
  assert.equal(await next, 1);
  assert.deepEqual(counters, { units: 1, commits: 1, failedCommits: 0 });
});
