import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { hasCode } from "@portcullis/protocol";
import { SqlRevocationLog } from "../../../src/storage/log/sql-revocation-log.ts";
import { migrations } from "../../../src/storage/migrations/index.ts";
import { openWriter, queriesOn } from "../../../src/storage/sqlite/connection.ts";
import { prepareDataFile } from "../../../src/storage/sqlite/data-file.ts";
import { sqliteGroupConnection } from "../../../src/storage/sqlite/group-connection.ts";
import { migrateToLatest } from "../../../src/storage/sqlite/migrate.ts";
import { GroupCommit } from "../../../src/storage/unit/group-commit.ts";
import { draft, storageOptions, temporaryFile } from "../temporary-storage.ts";

/** A unit has `unitTimeLimitMs`. `holdsProcess`: as SQLite's connection says, or otherwise, as PostgreSQL's does. */
async function openCommits(t: TestContext, { holdsProcess = true, unitTimeLimitMs = 20 } = {}) {
  const file = temporaryFile(t);
  prepareDataFile(file);
  const writer = openWriter(file);
  t.after(() => writer.database.close());
  await migrateToLatest(writer.database, migrations);
  const db = queriesOn(writer.prepare);
  const options = { ...storageOptions(file), dialect: "sqlite", read: db, readKept: db, write: db } as const;
  const log = await SqlRevocationLog.open(options);
  const counters = { units: 0, commits: 0, failedCommits: 0 };
  const connections = [{ ...sqliteGroupConnection(writer, { writeBackSoon() {} }), holdsProcess }];
  return { counters, commits: new GroupCommit({ connections, log, counters, unitTimeLimitMs }) };
}

test("a unit that waits for something foreign is undone, and the others go on", async (t) => {
  const { commits, counters } = await openCommits(t);
  const stuck = commits.write(async (transaction) => {
    transaction.append([draft("stuck")]);
    await new Promise(() => undefined);
  });
  const next = commits.write((transaction) => transaction.append([draft("next")]));
  await assert.rejects(stuck, (error) => hasCode(error, "unit_timed_out"));
  assert.equal((await next).seq, 1);
  assert.deepEqual(counters, { units: 1, commits: 1, failedCommits: 0 });
});

for (const holdsProcess of [true, false]) {
  const where = holdsProcess ? "a statement holds the process" : "no statement does";
  test(`a unit that goes on from step to step has the time for each of them, and others get their turn between, where ${where}`, async (t) => {
    // Longer than a busy machine keeps a process waiting between two steps.
    const unitTimeLimitMs = 1500;
    const { commits } = await openCommits(t, { holdsProcess, unitTimeLimitMs });
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    t.after(() => clearInterval(timer));
    const began = performance.now();
    const steps = await commits.write(async (transaction) => {
      assert.equal(transaction.holdsProcess, holdsProcess);
      let steps = 0;
      for (; performance.now() - began < 1.5 * unitTimeLimitMs; steps++) await transaction.nextStep();
      return steps;
    });
    assert.ok(steps > 1 && turns > 1, `${steps} steps, ${turns} turns`);
  });
}
