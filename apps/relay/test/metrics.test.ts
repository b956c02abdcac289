import assert from "node:assert/strict";
import { test } from "node:test";
import { createRelayMetrics } from "../src/metrics.ts";
import type { Status } from "../src/status.ts";

const STATUS: Status = {
  ready: false,
  stopping: false,
  state: "live",
  ageMs: undefined,
  clock: undefined,
  applied: 0,
  enforced: 0,
  records: 0,
  openStreams: 0,
  leases: 0,
  streamsOpened: 0,
  streamsCutSlow: 0,
};

test("a relay that cannot read a record of its log says so to Prometheus", async () => {
  for (const [state, value] of [
    ["live", 0],
    ["outdated", 1],
  ] as const) {
    const status = () => ({ ...STATUS, state });
    const registry = createRelayMetrics({ status, droppedLogLines: () => 0, ofProcess: false });
    assert.match(await registry.metrics(), new RegExp(`^portcullis_relay_outdated ${value}$`, "m"));
  }
});
