import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { RecordedLog } from "@portcullis/testing";
import type { BusMessage } from "../../../src/revocations/many-servers/bus.ts";
import { followOtherServers } from "../../../src/revocations/many-servers/follow-other-servers.ts";
import type { Storage } from "../../../src/storage/storage.ts";

/** A server whose log stands at 7, beside others. */
function follow(t: TestContext) {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const seen = { refreshes: 0, kept: [] as number[], fails: false };
  const operatorLog = new RecordedLog();
  const log = {
    head: () => 7,
    async refresh() {
      seen.refreshes++;
      if (seen.fails) throw new Error("the database is away");
      return 7;
    },
    async keepLifetime(_write: unknown, seconds: number) {
      seen.kept.push(seconds);
    },
  };
  let hear = (_message: BusMessage): void => undefined;
  let resume = (): void => undefined;
  const stop = followOtherServers({
    storage: { log, write: async () => undefined } as unknown as Storage,
    bus: {
      subscribe(listener) {
        hear = listener;
        return () => {
          hear = () => undefined;
        };
      },
      onResume(listener) {
        resume = listener;
        return () => {
          resume = () => undefined;
        };
      },
    },
    operatorLog,
  });
  const head = (seq: number) => hear({ type: "head", incarnation: "log", seq });
  const pass = async (ms: number) => {
    t.mock.timers.tick(ms);
    await nextTurn();
  };
  return { seen, operatorLog, head, resume: () => resume(), pass, stop };
}

test("the log is read when another server says that it is further, and not for what is known here", (t) => {
  const { seen, head } = follow(t);
  head(7);
  assert.equal(seen.refreshes, 0);
  head(8);
  assert.equal(seen.refreshes, 1);
});

test("the log is read when the bus is back, since messages may have been missed", (t) => {
  const { seen, resume } = follow(t);
  resume();
  assert.equal(seen.refreshes, 1);
});

test("the log is read every second though nobody says anything", async (t) => {
  const { seen, pass } = follow(t);
  await pass(3000);
  assert.equal(seen.refreshes, 3);
});

test("a database that is away is reported once, and once more when it is back", async (t) => {
  const { seen, operatorLog, pass } = follow(t);
  seen.fails = true;
  await pass(3000);
  assert.deepEqual(operatorLog.told, ["warn log_not_read"]);
  seen.fails = false;
  await pass(2000);
  assert.deepEqual(operatorLog.told, ["warn log_not_read", "info log_read_again"]);
});

test("it is said every minute, for longer than that, how long the tokens of this server live", async (t) => {
  const { seen, pass } = follow(t);
  await pass(120_000);
  assert.deepEqual(seen.kept, [180, 180]);
});

test("nothing is read any more once it has stopped", async (t) => {
  const { seen, head, resume, pass, stop } = follow(t);
  stop();
  head(8);
  resume();
  await pass(120_000);
  assert.deepEqual([seen.refreshes, seen.kept], [0, []]);
});
