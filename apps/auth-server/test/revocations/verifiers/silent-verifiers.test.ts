import assert from "node:assert/strict";
import test from "node:test";
import { LeaseTable } from "@portcullis/feed-server";
import { FrozenClock, RecordedLog } from "@portcullis/testing";
import { SilentVerifiers } from "../../../src/revocations/verifiers/silent-verifiers.ts";

function world() {
  const clock = new FrozenClock();
  const table = new LeaseTable(clock);
  const log = { head: 1 };
  const operatorLog = new RecordedLog();
  const silent = new SilentVerifiers({ held: () => table.held(), head: () => log.head, clock, operatorLog });
  const grant = (name: string, applied: number) => {
    const terms = { secretHash: name, address: "10.0.0.9", leaseMs: 5000, receivedAt: clock.monotonicMs() };
    table.grant({ clientId: "gateway", name }, { ...terms, applied, head: log.head });
  };
  /** Renews every second, as often. */
  const renew = (seconds: number, applied: Record<string, () => number>) => {
    for (let second = 0; second < seconds; second++) {
      clock.advance(1000);
      for (const [name, at] of Object.entries(applied)) grant(name, at());
      silent.look();
    }
  };
  return { log, silent, operatorLog, renew };
}

test("a verifier that renews and never acknowledges is named once, with client and address", () => {
  const { log, silent, operatorLog, renew } = world();
  renew(1, { mute: () => 1, good: () => 1 });
  log.head = 8;
  const applied = { mute: () => 1, good: () => 8 };
  renew(10, applied);
  assert.equal(silent.count, 0);
  renew(5, applied);
  assert.equal(silent.count, 1);
  assert.deepEqual(
    operatorLog.named("verifier_does_not_acknowledge").map(({ name, clientId, address, applied, seq }) => ({
      name,
      clientId,
      address,
      applied,
      seq,
    })),
    [{ name: "mute", clientId: "gateway", address: "10.0.0.9", applied: 1, seq: 8 }],
  );
  renew(1, { mute: () => 8 });
  assert.equal(silent.count, 0, "it has acknowledged");
});

test("a verifier that is always a little behind while the log grows is not silent", () => {
  const { log, silent, renew } = world();
  const applied = { late: () => log.head - 1 };
  for (let second = 0; second < 40; second++) {
    log.head++;
    renew(1, applied);
  }
  assert.equal(silent.count, 0);
});
