import assert from "node:assert/strict";
import { test } from "node:test";
import { type Log, silentLog } from "@portcullis/protocol";
import { RecordedLog } from "@portcullis/testing";
import { pino } from "pino";

test("console and a pino logger are logs as they are", () => {
  const logs: Log[] = [console, pino({ level: "silent" }), silentLog];
  for (const log of logs) assert.equal(typeof log.warn, "function");
});

test("pino writes the event's members into its line", () => {
  const lines: string[] = [];
  const log: Log = pino({ base: null, timestamp: false }, { write: (line) => lines.push(line) });
  log.warn({ event: "keys_kept", ageMs: 12 });
  assert.deepEqual(JSON.parse(lines[0]!), { level: 40, event: "keys_kept", ageMs: 12 });
});

test("a recorded log keeps each event with its level", () => {
  const log = new RecordedLog();
  log.info({ event: "one" });
  log.error({ event: "two", detail: 2 });
  assert.deepEqual(log.named("two"), [{ event: "two", detail: 2, level: "error" }]);
  assert.equal(log.events.length, 2);
});
