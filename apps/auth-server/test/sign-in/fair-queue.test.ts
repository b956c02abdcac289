import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type FairQueue, fairQueue, type Place } from "../../src/sign-in/fair-queue.ts";

const full = () => Object.assign(new Error("full"), { code: "full" });
const queue = (sizes: { running?: number; waiting?: number; waitingPerGroup?: number } = {}) =>
  fairQueue({ running: 1, waiting: 100, waitingPerGroup: 100, full, ...sizes });

/** Something that runs until it is told to end, and then all that was queued behind it. */
function occupied(run: FairQueue) {
  const gate = Promise.withResolvers<void>();
  const served: string[] = [];
  const all: Promise<unknown>[] = [run({ group: "first" }, () => gate.promise)];
  return {
    served,
    join(name: string, place: Place): Promise<string> {
      const result = run(place, async () => served.push(name)).then(
        () => "served",
        (error: { code: string }) => error.code,
      );
      all.push(result);
      return result;
    },
    async release() {
      gate.resolve();
      await Promise.all(all);
    },
  };
}

describe("a fair queue", () => {
  it("runs no more at once than it may, and all in the end", async () => {
    const run = queue({ running: 2 });
    let running = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      running--;
    };
    await Promise.all(Array.from({ length: 20 }, () => run({ group: "a" }, work)));
    assert.equal(most, 2);
  });

  it("lets groups take turns, however many wait in one", async () => {
    const busy = occupied(queue());
    for (const name of ["a1", "a2", "a3", "a4", "b1", "c1", "b2"]) void busy.join(name, { group: name[0]! });
    await busy.release();
    assert.deepEqual(busy.served, ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]);
  });

  it("refuses what would wait beyond its limits, in all and of one group", async () => {
    const ofOne = occupied(queue({ waitingPerGroup: 2 }));
    const results = ["a1", "a2", "a3"].map((name) => ofOne.join(name, { group: "a" }));
    assert.equal(await results[2], "full");
    await ofOne.release();
    const inAll = occupied(queue({ waiting: 2 }));
    const groups = ["a", "b", "c"].map((group) => inAll.join(group, { group }));
    assert.equal(await groups[2], "full");
    await inAll.release();
    assert.deepEqual(inAll.served, ["a", "b"]);
  });

  it("makes place for a newcomer at the cost of the group that has most", async () => {
    const busy = occupied(queue({ waiting: 3 }));
    const flood = ["a1", "a2", "a3"].map((name) => busy.join(name, { group: "a" }));
    const newcomer = busy.join("b1", { group: "b" });
    assert.equal(await flood[2], "full");
    const another = busy.join("c1", { group: "c" });
    assert.equal(await flood[1], "full");
    await busy.release();
    assert.deepEqual([await newcomer, await another], ["served", "served"]);
    assert.deepEqual(busy.served, ["a1", "b1", "c1"]);
  });

  it("has a place for whoever is known as long as somebody of a lower standing has one", async () => {
    const busy = occupied(queue({ waiting: 2 }));
    const strangers = ["a", "b"].map((group) => busy.join(group, { group }));
    const address = busy.join("c", { group: "c", standing: "address" });
    const devices = ["d", "e", "f"].map((group) => busy.join(group, { group, standing: "device" }));
    assert.deepEqual(await Promise.all(strangers), ["full", "full"]);
    assert.equal(await address, "full");
    assert.equal(await busy.join("g", { group: "g" }), "full");
    assert.equal(await devices[2], "full");
    await busy.release();
    assert.deepEqual(busy.served, ["d", "e"]);
  });

  it("serves known devices first, then known addresses, and strangers however many after them", async () => {
    const busy = occupied(queue());
    for (const group of ["s1", "s2", "s3"]) void busy.join(group, { group });
    void busy.join("address", { group: "s1", standing: "address" });
    void busy.join("device", { group: "d", standing: "device" });
    await busy.release();
    assert.deepEqual(busy.served, ["device", "address", "s1", "s2", "s3"]);
  });

  it("gives one turn in five to whoever has waited longest, so that the known do not stop strangers", async () => {
    const busy = occupied(queue());
    void busy.join("stranger", { group: "s" });
    for (let at = 1; at <= 8; at++) void busy.join(`d${at}`, { group: `d${at}`, standing: "device" });
    await busy.release();
    assert.deepEqual(busy.served, ["d1", "d2", "d3", "d4", "stranger", "d5", "d6", "d7", "d8"]);
  });

  it("forgets those who leave", async () => {
    const busy = occupied(queue({ waiting: 2 }));
    const leaving = new AbortController();
    const left = busy.join("a1", { group: "a", signal: leaving.signal });
    leaving.abort();
    assert.equal(await left, "full");
    for (const name of ["a2", "b1"]) void busy.join(name, { group: name[0]! });
    assert.equal(await busy.join("late", { group: "c", signal: leaving.signal }), "full");
    await busy.release();
    assert.deepEqual(busy.served, ["a2", "b1"]);
  });

  it("goes on after work that failed", async () => {
    const run = queue();
    await assert.rejects(
      run({ group: "a" }, () => Promise.reject(new Error("broken"))),
      { message: "broken" },
    );
    assert.equal(await run({ group: "a" }, async () => 7), 7);
  });
});
