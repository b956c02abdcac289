import assert from "node:assert/strict";
import { test } from "node:test";
import { hasCode } from "@portcullis/protocol";
import { RecordedLog } from "@portcullis/testing";
import { DatabaseRoom } from "../../../src/storage/postgres/database-room.ts";

test("PostgreSQL: after its disk was full strangers are refused for a while, and everything else is tried", () => {
  const log = new RecordedLog();
  let now = 0;
  const room = new DatabaseRoom({
    operatorLog: log,
    clock: { monotonicMs: () => now },
  });
  assert.equal(room.makeRoom(Object.assign(new Error("unique"), { code: "23505" })), false);
  room.admit("stranger");
  room.makeRoom(Object.assign(new Error("could not extend file"), { code: "53100" }));
  assert.throws(
    () => room.admit("stranger"),
    (error) => hasCode(error, "storage_full"),
  );
  room.admit("client");
  room.admit(undefined);
  now += 30_000;
  room.admit("stranger");
  assert.deepEqual(log.told, ["error storage_refuses_strangers", "info storage_takes_all_again"]);
});
