import assert from "node:assert/strict";
import { test } from "node:test";
import { FrozenClock } from "@portcullis/testing";
import { RequestBody } from "../src/upstreams/request-body.ts";
import { MemoryBody } from "./support/memory-entry.ts";

const HEADERS_TIMEOUT_MS = 1_000;
const KIB = 1024;

function start({ maxBodyBytes = 1024 * KIB } = {}) {
  const clock = new FrozenClock();
  const source = new MemoryBody();
  const state = { stands: true, timeouts: 0 };
  const body = new RequestBody(source, {
    maxBodyBytes,
    headersTimeoutMs: HEADERS_TIMEOUT_MS,
    stands: () => state.stands,
    onTimeout: () => {
      state.timeouts += 1;
    },
    setTimer: clock.setTimer,
  });
  return { clock, source, body, state };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a body whose service reads nothing holds its client back, and goes on when it reads", async () => {
  const { source, body } = start();
  for (let part = 0; part < 64 && !source.isPaused; part++) source.send("x".repeat(16 * KIB));
  assert.ok(source.isPaused && body.readableLength <= 128 * KIB);
  body.resume();
  await turn();
  assert.equal(source.isPaused, false);
});

test("a service that takes nothing of what is there has its time, and a slow client costs it none", async () => {
  const { clock, source, body, state } = start();
  clock.advance(10 * HEADERS_TIMEOUT_MS);
  body.resume();
  source.send("x");
  await turn();
  clock.advance(10 * HEADERS_TIMEOUT_MS);
  assert.equal(state.timeouts, 0);
  body.pause();
  source.send("x");
  clock.advance(2 * HEADERS_TIMEOUT_MS);
  assert.equal(state.timeouts, 1);
});

test("from the last byte on the service has its time to answer", async () => {
  const { clock, source, body, state } = start();
  body.resume();
  source.send("x");
  source.finish();
  await turn();
  clock.advance(HEADERS_TIMEOUT_MS - 1);
  assert.equal(state.timeouts, 0);
  clock.advance(1);
  assert.equal(state.timeouts, 1);
});

test("a service that answers before the last byte is not given a time for what it has done", () => {
  const { clock, source, body, state } = start();
  body.resume();
  source.send("x");
  body.stopTimer();
  source.finish();
  clock.advance(10 * HEADERS_TIMEOUT_MS);
  assert.equal(state.timeouts, 0);
});

test("what a request that may not go on has left stays with its client", async () => {
  const { source, body, state } = start();
  const received: string[] = [];
  body.on("data", (part) => received.push(String(part)));
  source.send("before");
  await turn();
  state.stands = false;
  source.send("after");
  await turn();
  assert.deepEqual(received, ["before"]);
  assert.deepEqual([body.destroyed, source.isPaused], [true, true]);
});

test("a body that grows too large fails with body_too_large", async () => {
  const { source, body } = start({ maxBodyBytes: 4 });
  const failed = new Promise<Error>((resolve) => body.once("error", resolve));
  source.send("12345");
  assert.equal(((await failed) as Error & { code: string }).code, "body_too_large");
});
