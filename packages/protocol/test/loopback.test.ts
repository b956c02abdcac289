import assert from "node:assert/strict";
import { test } from "node:test";
import { isLoopback } from "../src/index.ts";

const hostnameOf = (url: string): string => new URL(url).hostname;

test("hosts that can only be this machine are told, however a URL spells them", () => {
  for (const host of [
    "localhost",
    "LOCALHOST",
    "127.0.0.1",
    "127.255.0.9",
    "127.1",
    "0x7f000001",
    "[::1]",
    "[0:0::1]",
  ])
    assert.ok(isLoopback(hostnameOf(`http://${host}:8400/`)), host);
});

test("hosts that only look like this machine are not", () => {
  for (const host of [
    "localhost.evil.test",
    "127.0.0.1.evil.test",
    "evil-localhost",
    "app.localhost",
    "128.0.0.1",
    "10.127.0.1",
    "0.0.0.0",
    "[::]",
    "[::ffff:127.0.0.1]",
  ])
    assert.ok(!isLoopback(hostnameOf(`http://${host}/`)), host);
});
