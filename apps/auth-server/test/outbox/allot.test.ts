import assert from "node:assert/strict";
import { test } from "node:test";
import { allot, MAX_UNDER_WAY, type Turns } from "../../src/outbox/allot.ts";

const turns = (more: Partial<Turns>): Record<string, number> =>
  Object.fromEntries(
    allot({ recipients: [], running: new Map(), failing: new Set(), after: undefined, ...more }),
  );

test("four are begun for an app at once, and one for an app whose last try failed", () => {
  const recipients = ["dead", "mail", "shop"];
  assert.deepEqual(turns({ recipients, failing: new Set(["dead"]) }), { dead: 1, mail: 4, shop: 4 });
  const running = new Map([
    ["dead", 1],
    ["mail", 3],
  ]);
  assert.deepEqual(turns({ recipients, running, failing: new Set(["dead"]) }), { mail: 1, shop: 4 });
});

test("each app has a turn before any has a second one, and whoever waited longest comes first", () => {
  const recipients = Array.from({ length: 40 }, (_, at) => `app-${String(at).padStart(2, "0")}`);
  const running = new Map([["somebody", MAX_UNDER_WAY - 30]]);
  assert.deepEqual(Object.keys(turns({ recipients, running })), recipients.slice(0, 30));
  const next = Object.entries(turns({ recipients, running, after: "app-29" }));
  assert.deepEqual(
    next.map(([name]) => name),
    [...recipients.slice(30), ...recipients.slice(0, 20)],
  );
  assert.ok(next.every(([, number]) => number === 1));
});

test("nothing is begun while as many are under way as there may be", () => {
  assert.deepEqual(turns({ recipients: ["mail"], running: new Map([["shop", MAX_UNDER_WAY]]) }), {});
});
