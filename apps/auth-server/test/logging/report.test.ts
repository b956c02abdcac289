import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createReport, type ReportedEvent } from "../../src/logging/report.ts";

function lineOf(event: ReportedEvent): string {
  const lines: string[] = [];
  createReport({ write: (line) => void lines.push(line), nowMs: () => 0 })(event);
  assert.equal(lines.length, 1);
  assert.ok(lines[0]!.endsWith("\n"));
  return lines[0]!;
}

describe("a line of the log", () => {
  it("is JSON, with its time and event first", () => {
    assert.deepEqual(JSON.parse(lineOf({ event: "ready", port: 8400 })), {
      time: "1970-01-01T00:00:00.000Z",
      event: "ready",
      port: 8400,
    });
  });

  it("tells an error's type, code, text and cause, and where it was made", () => {
    const cause = Object.assign(new Error("disk full"), { code: "SQLITE_FULL" });
    const { error } = JSON.parse(lineOf({ event: "failed", error: new Error("not stored", { cause }) }));
    assert.equal(error.text, "not stored");
    assert.equal(error.cause.code, "SQLITE_FULL");
    assert.match(error.at[0], /report\.test\.ts/);
  });

  const secrets = [
    "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJodHRwIn0aaaa1.c2lnbmF0dXJlMTIzNDU2",
    "XArYj-t-9y_P4xk3Mh5VS6SCTES_O7FGEXsj5_dsB1o",
    "h6k4uWEVMWgh2nKNhaZn4A",
  ];
  for (const secret of secrets) {
    it(`cuts ${secret.slice(0, 6)}… out of whatever an error says`, () => {
      for (const text of [secret, `token ${secret} not found`, `value="${secret}"`, `Bearer ${secret},`]) {
        assert.ok(!lineOf({ event: "failed", error: new Error(text) }).includes(secret), text);
        assert.ok(!lineOf({ event: "failed", detail: text }).includes(secret), text);
      }
    });
  }

  it("leaves words, paths and codes alone", () => {
    for (const text of [
      "temporarily_unavailable",
      "/srv/apps/auth-server/src/oidc/tokens/own-token.ts:12:3",
      "storage_unavailable",
    ]) {
      assert.ok(lineOf({ event: "failed", detail: text }).includes(text), text);
    }
  });
});
