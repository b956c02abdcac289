import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionQueue, type QueueOptions, type Waiter } from "../src/upstreams/connection-queue.ts";

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function start(settings: Partial<QueueOptions> = {}) {
  const timers = new Set<() => void>();
  const events: string[] = [];
  const queue = new ConnectionQueue({
    connections: 4,
    queueLength: 8,
    queueTimeoutMs: 1000,
    clientShare: 0.5,
    setTimer: (callback) => {
      timers.add(callback);
      return () => timers.delete(callback);
    },
    ...settings,
  });
  /** Clients are letters, their requests numbers: "a1". */
  const enter = (name: string): Waiter => {
    const waiter: Waiter = {
      clientKey: name[0]!,
      onConnection: () => events.push(name),
      onTimeout: () => events.push(`${name} too long`),
    };
    const answer = queue.enter(waiter);
    if (answer !== undefined) events.push(`${name} ${answer.code}`);
    return waiter;
  };
  return { queue, enter, events, timers };
}

test("a client has its share of the connections and no more, though others are idle", () => {
  const { enter, events, queue } = start();
  for (const name of ["a1", "a2", "a3", "b1"]) enter(name);
  assert.deepEqual(events, ["a1", "a2", "b1"]);
  assert.deepEqual([queue.held, queue.waiting], [3, 1]);
});

test("what is given back goes to clients in turn, and not to requests", async () => {
  const { enter, events, queue } = start({ connections: 2 });
  for (const name of ["a1", "b1", "a2", "a3", "a4", "b2", "c1"]) enter(name);
  events.length = 0;
  for (const client of ["a", "b", "c", "a", "b", "a"]) {
    queue.giveBack(client);
    await tick();
  }
  assert.deepEqual(events, ["c1", "a2", "b2", "a3", "a4"]);
});

test("nobody comes in ahead of those who wait", async () => {
  const { enter, events, queue } = start({ connections: 1, clientShare: 1 });
  for (const name of ["a1", "b1"]) enter(name);
  queue.giveBack("a");
  enter("c1");
  await tick();
  assert.deepEqual(events, ["a1", "b1"]);
  queue.giveBack("b");
  await tick();
  assert.deepEqual(events, ["a1", "b1", "c1"]);
});

test("the queue is bounded, for each client and for all", () => {
  const { enter, events } = start({ connections: 1, queueLength: 4 });
  for (const name of ["a1", "a2", "a3", "a4", "b1", "b2", "c1"]) enter(name);
  assert.deepEqual(events, ["a1", "a4 upstream_busy", "c1 upstream_busy"]);
});

test("waiting ends after its time, and whoever has left is told nothing", async () => {
  const { enter, events, queue, timers } = start({ connections: 1 });
  enter("a1");
  enter("b1");
  queue.leave(enter("c1"));
  assert.equal(timers.size, 1);
  for (const run of timers) run();
  queue.giveBack("a");
  await tick();
  assert.deepEqual(events, ["a1", "b1 too long"]);
  assert.deepEqual([queue.held, queue.waiting], [0, 0]);
  enter("d1");
  assert.equal(events.at(-1), "d1");
});

test("a share is at least one connection", () => {
  const { enter, events } = start({ connections: 2, clientShare: 0.01 });
  for (const name of ["a1", "b1", "c1"]) enter(name);
  assert.deepEqual(events, ["a1", "b1"]);
});
