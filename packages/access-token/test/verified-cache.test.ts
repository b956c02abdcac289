import assert from "node:assert/strict";
import { test } from "node:test";
import { VerifiedCache } from "../src/verified-cache.ts";

test("it never holds more entries than it was made for, and the newest are among them", () => {
  const cache = new VerifiedCache<number>({ entries: 100, characters: 1e6 });
  for (let index = 0; index < 10_000; index++) {
    cache.set(`token-${index}`, index);
    assert.ok(cache.size <= 100);
    assert.equal(cache.get(`token-${index}`), index);
  }
});

test("it never holds more characters than it was made for", () => {
  const cache = new VerifiedCache<number>({ entries: 100, characters: 1000 });
  for (let index = 0; index < 100; index++) cache.set(`${index}`.padStart(100, "x"), index);
  assert.ok(cache.size <= 10);
  cache.set("y".repeat(501), 1);
  assert.equal(cache.get("y".repeat(501)), undefined);
});

test("what is used survives any number of newcomers", () => {
  const cache = new VerifiedCache<string>({ entries: 10, characters: 1e6 });
  cache.set("used", "kept");
  for (let index = 0; index < 1000; index++) {
    cache.set(`once-${index}`, "");
    if (index % 4 === 0) assert.equal(cache.get("used"), "kept");
  }
  assert.equal(cache.get("once-0"), undefined);
});

test("made for none, it holds none", () => {
  const cache = new VerifiedCache<string>({ entries: 0, characters: 1e6 });
  cache.set("token", "value");
  assert.equal(cache.get("token"), undefined);
});

test("after clear there is nothing", () => {
  const cache = new VerifiedCache<string>({ entries: 4, characters: 1e6 });
  for (const token of ["a", "b", "c", "d"]) cache.set(token, token);
  cache.clear();
  assert.equal(cache.size, 0);
  assert.equal(cache.get("a"), undefined);
});
