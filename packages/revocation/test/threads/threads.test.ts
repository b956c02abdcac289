import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { GO, STANDING } from "./questions.ts";
import type { ReadingThread } from "./reading-thread.ts";
import { SharedWorld } from "./shared-world.ts";
import { sessionToken } from "./tokens.ts";

/** More than any test revokes. */
const NEVER = 1_000_000;

async function outcomes(thread: ReadingThread, values: readonly number[]): Promise<string[]> {
  const verdicts = await thread.ask({ type: "verdicts", tokens: values.map(sessionToken) });
  return verdicts.map(({ outcome }) => outcome);
}

async function standing({ signals }: SharedWorld, threads: number): Promise<void> {
  for (let seen = 0; seen < threads; seen = Atomics.load(signals, STANDING)) {
    const waited = Atomics.waitAsync(signals, STANDING, seen);
    if (waited.async) await waited.value;
  }
}

function go({ signals }: SharedWorld): void {
  Atomics.store(signals, GO, 1);
  Atomics.notify(signals, GO);
}

test("threads that ask all the while miss nothing that was acknowledged, and invent nothing", async () => {
  await using world = await new SharedWorld().started();
  const threads = [await world.thread(), await world.thread(), await world.thread()];
  const hammering = threads.map((thread) => thread.ask({ type: "hammer", never: NEVER }));
  await standing(world, threads.length);
  for (let first = 1; first <= 40_000; first += 400) await world.revoke(first, 400);
  go(world);
  for (const { asked, missed, invented } of await Promise.all(hammering)) {
    assert.ok(asked > 100, `asked ${asked} times`);
    assert.deepEqual({ missed, invented }, { missed: 0, invented: 0 });
  }
  assert.deepEqual(await outcomes(threads[0]!, [1, 20_000, 40_000, 40_001]), [
    "killed",
    "killed",
    "killed",
    "allow",
  ]);
});

test("a thread that stood still sees, with the first verdict after, all that was acknowledged meanwhile", async () => {
  await using world = await new SharedWorld().started();
  const thread = await world.thread();
  const tokens = [1, 5_000, 10_000, 10_001].map(sessionToken);
  const answer = thread.ask({ type: "verdicts-when-told", tokens });
  await standing(world, 1);
  for (let first = 1; first <= 10_000; first += 500) await world.revoke(first, 500);
  go(world);
  const verdicts = await answer;
  assert.deepEqual(
    verdicts.map(({ outcome }) => outcome),
    ["killed", "killed", "killed", "allow"],
  );
});

test("a thread that has ended is forgotten, and nothing waits for it", async () => {
  await using world = await new SharedWorld().started();
  const thread = await world.thread();
  await world.thread();
  assert.equal(world.replica.readers, 2);
  await thread.end();
  while (world.replica.readers > 1) await nextTurn();
  await world.revoke(1, 10);
});

test("a thread that comes late sees all there is, and is told as soon as there is a lease", async () => {
  await using world = await new SharedWorld().started();
  await world.revoke(1, 3_000);
  const thread = await world.thread();
  assert.deepEqual(await outcomes(thread, [1, 3_000, 3_001]), ["killed", "killed", "allow"]);
  const { ready, ageMs, leaseMs } = await thread.ask({ type: "freshness" });
  assert.ok(ready && ageMs >= 0 && ageMs <= leaseMs);
});

test("a view that was closed answers nothing any more", async () => {
  await using world = await new SharedWorld().started();
  const thread = await world.thread();
  await thread.ask({ type: "close" });
  assert.equal((await thread.ask({ type: "freshness" })).ready, false);
  await assert.rejects(outcomes(thread, [1]), { code: "replica_not_ready" });
});

test("a replica that was closed takes the right to allow from all threads, and leaves them what they deny", async () => {
  await using world = await new SharedWorld().started();
  const thread = await world.thread();
  await world.revoke(1, 10);
  await world.replica.close();
  assert.equal((await thread.ask({ type: "freshness" })).ageMs, Number.POSITIVE_INFINITY);
  assert.deepEqual(await outcomes(thread, [1]), ["killed"]);
  assert.throws(() => world.replica.attach(), { code: "replica_closed" });
});
