import assert from "node:assert/strict";
import { test } from "node:test";
import { RecordedLog } from "@portcullis/testing";
import { boundedAttempts } from "../../src/sign-in/bounded-attempts.ts";
import { temporaryStorage } from "../storage/temporary-storage.ts";

test("guesses at any number of names leave a bounded number of counts, the newest", async (t) => {
  const storage = await temporaryStorage(t);
  const operatorLog = new RecordedLog();
  const attempts = boundedAttempts({ storage, most: 100, operatorLog });
  const keyOf = (index: number) =>
    new Uint8Array(32)
      .fill(1)
      .with(0, index >> 8)
      .with(1, index & 0xff);
  for (let index = 0; index < 1000; index++) {
    await attempts.write(({ db }) =>
      db
        .insertInto("sign_in_attempts")
        .values({ key_hash: keyOf(index), failures: 1, blocked_until: 0, updated_at: index })
        .execute(),
    );
  }
  const rows = await storage.read
    .selectFrom("sign_in_attempts")
    .select("updated_at")
    .orderBy("updated_at")
    .execute();
  assert.ok(rows.length >= 50 && rows.length <= 105, String(rows.length));
  assert.equal(rows.at(-1)?.updated_at, 999);
  assert.ok(rows[0]!.updated_at >= 890, "the oldest made way");
  assert.deepEqual(operatorLog.told, ["warn oldest_rows_make_way"]);
});
