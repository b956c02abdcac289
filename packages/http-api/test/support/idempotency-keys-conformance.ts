/** What holds for whoever keeps the keys: every implementation of the port passes this. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Claimed, IdempotencyKeys, StoredAnswer } from "@portcullis/http-api";

const ANSWER: StoredAnswer = {
  status: 201,
  headers: { "content-type": "application/json; charset=utf-8", location: "/things/7" },
  body: '{"id":"7","name":"größer"}',
};
let made = 0;
const aCall = (change: Partial<Claimed> = {}): Claimed => ({
  key: `key ${++made}`,
  callerId: '["console","alice"]',
  fingerprint: Buffer.alloc(32, 1),
  ...change,
});

export function idempotencyKeysConformance(open: () => IdempotencyKeys | Promise<IdempotencyKeys>): void {
  describe("keys of calls that may be repeated", () => {
    it("give a new one to its first claimant, and tell others that it is being made", async () => {
      const keys = await open();
      const call = aCall();
      assert.deepEqual(await keys.claim(call), { state: "fresh" });
      assert.deepEqual(await keys.claim(call), { state: "in_progress" });
    });

    it("give one of many claims at once, and no other", async () => {
      const keys = await open();
      const call = aCall();
      const states = await Promise.all(Array.from({ length: 20 }, () => keys.claim(call)));
      assert.deepEqual(states.map(({ state }) => state).sort(), ["fresh", ...Array(19).fill("in_progress")]);
    });

    it("repeat the answer to the letter, as often as it is asked for", async () => {
      const keys = await open();
      const call = aCall();
      await keys.claim(call);
      await keys.complete(call, ANSWER);
      for (let times = 0; times < 2; times++)
        assert.deepEqual(await keys.claim(call), { state: "replay", answer: ANSWER });
    });

    it("are free again when the call was refused", async () => {
      const keys = await open();
      const call = aCall();
      await keys.claim(call);
      await keys.release(call);
      assert.deepEqual(await keys.claim({ ...call, fingerprint: Buffer.alloc(32, 2) }), { state: "fresh" });
    });

    it("are for one call: another one is a conflict, before and after the answer", async () => {
      const keys = await open();
      const call = aCall();
      const other = { ...call, fingerprint: Buffer.alloc(32, 2) };
      await keys.claim(call);
      assert.deepEqual(await keys.claim(other), { state: "conflict" });
      await keys.complete(call, ANSWER);
      assert.deepEqual(await keys.claim(other), { state: "conflict" });
    });

    it("are for one caller: nobody is answered what was answered to somebody else", async () => {
      const keys = await open();
      const call = aCall();
      await keys.claim(call);
      await keys.complete(call, ANSWER);
      assert.deepEqual(await keys.claim({ ...call, callerId: '["console","bob"]' }), { state: "fresh" });
    });
  });
}
