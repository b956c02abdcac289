import assert from "node:assert/strict";
import test from "node:test";
import { RecordedLog } from "@portcullis/testing";
import { LogCapacity } from "../../../src/revocations/retention/log-capacity.ts";
import { serveRevocations } from "../revocations-server.ts";

test("an alarm at four fifths of what may be kept, once until it was below again", () => {
  const operatorLog = new RecordedLog();
  const log = { newest: 79, oldest: 1 };
  const capacity = new LogCapacity({
    log: { head: () => log.newest, oldestKept: () => log.oldest },
    maxLiveRevocations: 100,
    operatorLog,
  });
  const near = (kept: number) => ({
    level: "warn",
    event: "revocations_near_capacity",
    kept,
    maxLiveRevocations: 100,
  });
  capacity.watch();
  assert.deepEqual(operatorLog.events, []);
  log.newest = 80;
  capacity.watch();
  log.newest = 95;
  capacity.watch();
  assert.deepEqual(operatorLog.events, [near(80)]);
  log.oldest = 50;
  capacity.watch();
  log.newest = 140;
  capacity.watch();
  assert.deepEqual(operatorLog.events, [near(80), near(91)]);
});

test("a full log refuses single ids, and takes what covers many", async (t) => {
  const server = await serveRevocations(t, { maxLiveRevocations: 2 });
  const key = "Vt8Vt7mGQf2bqfYkq0hZ0A";
  for (const _ of [1, 2]) assert.equal((await server.revoke({ scope: "session", key })).status, 200);
  for (const scope of ["token", "session", "grant"]) {
    const refused = await server.revoke({ scope, key });
    assert.equal(refused.status, 503);
    const body = await refused.json();
    assert.equal(body.error, "log_full");
    assert.match(body.error_description, /Nothing was changed: 2 revocations/);
  }
  assert.equal(server.storage.log.head(), 2);
  for (const scope of ["subject", "client", "key"]) {
    assert.equal((await server.revoke({ scope, key: "alice" })).status, 200);
  }
});
