import assert from "node:assert/strict";
import { test } from "node:test";
import type { CheckedSnapshot } from "@portcullis/revocation";
import { PassedSnapshot } from "../src/log/passed-snapshot.ts";

const snapshot = (head: number, { count = 5, incarnation = "one" } = {}): CheckedSnapshot => ({
  bytes: Buffer.from(`snapshot ${head}`),
  header: {
    incarnation,
    head,
    count,
    hashKey: "k".repeat(43),
    chain: "c".repeat(43),
    tokenLifetimeSeconds: 600,
    clockSkewSeconds: 5,
  },
  hashKey: new Uint8Array(32),
  records: new Uint8Array(),
  signedHead: `signed ${head}`,
});

function world(first = snapshot(100)) {
  const log = { head: 100 };
  const renewed: number[] = [];
  const above = { next: snapshot(100), fetches: 0, isDown: false };
  const passed = new PassedSnapshot(first, {
    fetchSnapshot: async () => {
      above.fetches++;
      if (above.isDown) throw new Error("down");
      return above.next;
    },
    grownSince: (head) => log.head - head,
    head: () => log.head,
    onRenewed: (head) => renewed.push(head),
  });
  const given = async () => Buffer.from(await passed.get()).toString();
  return { log, renewed, above, passed, given };
}

test("a relay gives out the snapshot that it was given, until the log has grown past it", async () => {
  const { log, above, passed, given, renewed } = world();
  log.head = 100 + 10_000;
  await passed.renewIfGrown();
  assert.deepEqual([await given(), above.fetches], ["snapshot 100", 0]);
  log.head++;
  above.next = snapshot(10_090);
  await passed.renewIfGrown();
  assert.deepEqual([await given(), renewed, passed.head], ["snapshot 10090", [10_090], 10_090]);
});

test("a large snapshot is given out for longer", async () => {
  const { log, above, passed } = world(snapshot(100, { count: 50_000 }));
  log.head = 50_100;
  await passed.renewIfGrown();
  assert.equal(above.fetches, 0);
});

test("one that is newer than the log here waits until the log has reached it", async () => {
  const { log, above, passed, given, renewed } = world();
  log.head = 20_000;
  above.next = snapshot(20_002);
  await passed.renewIfGrown();
  await passed.renewIfGrown();
  assert.deepEqual([await given(), renewed, above.fetches], ["snapshot 100", [], 1]);
  log.head = 20_002;
  passed.adoptNext();
  assert.deepEqual([await given(), renewed], ["snapshot 20002", [20_002]]);
});

test("one of another log, or of before, takes no place; a failure is told, and the old one goes on", async () => {
  const { log, above, passed, given, renewed } = world();
  log.head = 20_000;
  for (const next of [snapshot(19_000, { incarnation: "two" }), snapshot(100), snapshot(50)]) {
    above.next = next;
    await passed.renewIfGrown();
  }
  above.isDown = true;
  await assert.rejects(passed.renewIfGrown(), /down/);
  assert.deepEqual([await given(), renewed], ["snapshot 100", []]);
  above.isDown = false;
  above.next = snapshot(19_999);
  await passed.renewIfGrown();
  assert.equal(await given(), "snapshot 19999");
});
