import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { hasCode } from "@portcullis/protocol";
import { RecordedLog } from "@portcullis/testing";
import { until } from "@portcullis/testing/end-to-end";
import { DiskRoom } from "../../../src/storage/sqlite/disk-room.ts";

const MEBIBYTE = 1024 * 1024;

/** On a disk of a gibibyte of which as much is free as the test says. */
async function roomWith(t: TestContext, allBytes = 1024 * MEBIBYTE) {
  const directory = mkdtempSync(join(tmpdir(), "portcullis-room-"));
  const log = new RecordedLog();
  const free = { onDisk: 900 * MEBIBYTE, inFile: 0 };
  const room = new DiskRoom({
    file: join(directory, "data.sqlite"),
    reserveBytes: MEBIBYTE,
    refuseStrangersBelow: 64 * MEBIBYTE,
    alarmBelow: 128 * MEBIBYTE,
    freeInFile: () => free.inFile,
    shrinkJournal: () => undefined,
    randomBytes,
    operatorLog: log,
    statfs: () => ({ bavail: free.onDisk / 4096, blocks: allBytes / 4096, bsize: 4096 }),
  });
  t.after(() => {
    room.close();
    rmSync(directory, { recursive: true });
  });
  await until(async () => room.reserveBytes > 0, { what: "the reserve" });
  return { room, free, log };
}

const isRefused = (run: () => void): boolean => {
  try {
    run();
    return false;
  } catch (error) {
    assert.ok(hasCode(error, "storage_full"));
    return true;
  }
};

test("strangers are refused first, with an alarm before, each said once, and taken again with some more space", async (t) => {
  const { room, free, log } = await roomWith(t);
  free.onDisk = 100 * MEBIBYTE;
  room.look();
  room.look();
  assert.deepEqual(log.told, ["warn storage_space_low"]);
  assert.equal(
    isRefused(() => room.admit("stranger")),
    false,
  );
  free.onDisk = 63 * MEBIBYTE;
  room.look();
  assert.equal(
    isRefused(() => room.admit("stranger")),
    true,
  );
  assert.equal(
    isRefused(() => room.admit("client")),
    false,
  );
  free.onDisk = 65 * MEBIBYTE;
  room.look();
  assert.equal(room.state, "low", "no flapping");
  free.onDisk = 500 * MEBIBYTE;
  room.look();
  assert.equal(
    isRefused(() => room.admit("stranger")),
    false,
  );
  assert.deepEqual(log.told.slice(1), [
    "error storage_refuses_strangers",
    "info storage_space_ample",
    "info storage_takes_all_again",
  ]);
});

test("space of rows that were pruned counts, though the file does not get smaller", async (t) => {
  const { room, free } = await roomWith(t);
  free.onDisk = 10 * MEBIBYTE;
  room.look();
  assert.equal(room.state, "low");
  free.inFile = 200 * MEBIBYTE;
  room.look();
  assert.equal(room.state, "ample");
});

test("once the store is full only the server's own writes go on, and the reserve is given back once", async (t) => {
  const { room, log } = await roomWith(t);
  const full = Object.assign(new Error("database or disk is full"), { errcode: 13 });
  assert.equal(room.makeRoom(Object.assign(new Error("constraint"), { errcode: 19 })), false);
  assert.equal(room.makeRoom(full), true, "worth another try");
  assert.equal(room.makeRoom(full), false, "nothing more to give");
  assert.equal(
    isRefused(() => room.admit("stranger")),
    true,
  );
  assert.equal(
    isRefused(() => room.admit("client")),
    true,
  );
  assert.equal(
    isRefused(() => room.admit(undefined)),
    false,
  );
  assert.deepEqual(log.told, ["error storage_reserve_used"]);
});

test("on a disk whose share is no whole number of bytes the reserve is made once, and all are taken", async (t) => {
  const { room } = await roomWith(t, 4096 * 2001);
  room.look();
  assert.equal(room.reserveBytes, Math.floor(4096 * 2001 * 0.1));
  assert.equal(room.state, "ample");
});
