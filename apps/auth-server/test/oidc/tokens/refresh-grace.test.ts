import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import test from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { systemClock } from "@portcullis/protocol";
import { RefreshSuccessors } from "../../../src/oidc/state/refresh-successors.ts";
import { type GrantHandler, withRefreshGrace } from "../../../src/oidc/tokens/refresh-grace.ts";
import { createStoredTimes } from "../../../src/storage/stored-time.ts";
import { temporaryStorage } from "../../storage/temporary-storage.ts";

test("repeats of one token that all fail cost each of them the same, however many they are", async (t) => {
  const real = await temporaryStorage(t);
  let reads = 0;
  const storage = {
    ...real,
    get read() {
      reads++;
      return real.read;
    },
  };
  let running = 0;
  let ran = 0;
  const failing: GrantHandler = async () => {
    ran++;
    assert.equal(++running, 1, "one at a time");
    if (reads === 1) await nextTurn();
    running--;
    throw new Error("refused");
  };
  const times = createStoredTimes({ clock: systemClock, clockSkewSeconds: 5 });
  const refresh = withRefreshGrace(failing, {
    storage,
    successors: new RefreshSuccessors({ storage, clock: systemClock, times, randomBytes }),
    recheck: async ({ body }) => body,
  });
  const ctx = {
    state: {},
    oidc: { params: { refresh_token: "spent" }, client: { clientId: "web" } },
  } as never;
  const results = await Promise.allSettled(Array.from({ length: 200 }, () => refresh(ctx)));
  assert.ok(results.every(({ status }) => status === "rejected"));
  assert.deepEqual([reads, ran], [200, 200]);
});
