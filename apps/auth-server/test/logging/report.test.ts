import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RecordedLog } from "@portcullis/testing";
import { createReport, type ReportedEvent, reportTo } from "../../src/logging/report.ts";

function lineOf(event: ReportedEvent): string {
  const lines: string[] = [];
  createReport({ write: (line) => void lines.push(line), nowMs: () => 0 })(event);
  assert.equal(lines.length, 1);
  return lines[0]!;
}

describe("a report", () => {
  it("is a line of this process, with its time and event", () => {
    const { level, time, process, event, port } = JSON.parse(lineOf({ event: "ready", port: 8400 }));
    assert.deepEqual(
      { level, time, process, event, port },
      { level: "info", time: "1970-01-01T00:00:00.000Z", process: "auth-server", event: "ready", port: 8400 },
    );
  });

  it("has no secret in it, wherever one stands", () => {
    const secret = "XArYj-t-9y_P4xk3Mh5VS6SCTES_O7FGEXsj5_dsB1o";
    for (const event of [{ detail: secret }, { error: new Error(secret) }, { password: "hunter2" }]) {
      assert.doesNotMatch(lineOf({ event: "failed", ...event }), /XArYj|hunter2/);
    }
  });

  it("is an error with an error, a warning where somebody should look, and otherwise information", () => {
    const log = new RecordedLog();
    const report = reportTo(log);
    report({ event: "prune_failed", error: new Error("x") });
    report({ event: "storage_space_low" });
    report({ event: "ready" });
    assert.deepEqual(
      log.events.map(({ level }) => level),
      ["error", "warn", "info"],
    );
  });
});
