import assert from "node:assert/strict";
import { test } from "node:test";
import { type CookiesOf, Notices } from "../../src/pages/notices.ts";

const NOTICE = { done: "Laptop is signed out." };

/** A browser that sends its cookie everywhere, and keeps it for as long as it likes. */
function planted() {
  let value: string | undefined;
  let now = 1_800_000_000_000;
  const cookiesOf: CookiesOf = () => ({
    get: () => value,
    set: (_name, next) => {
      if (next !== null) value = next;
    },
  });
  const notices = new Notices({
    cookiesOf,
    issuer: "https://login.example",
    clock: { wallMs: () => now },
  });
  const exchange = {} as Parameters<Notices["leave"]>[0];
  return {
    leave: (path: string) => notices.leave(exchange, path, NOTICE),
    take: (path: string) => notices.take(exchange, path),
    pass: (ms: number) => {
      now += ms;
    },
  };
}

test("a notice is for the page that it was left for", () => {
  const browser = planted();
  browser.leave("/account");
  assert.equal(browser.take("/account/signed-out"), undefined);
  assert.deepEqual(browser.take("/account"), NOTICE);
});

test("a notice that is shown again later says nothing, nor one of a clock far ahead", () => {
  const browser = planted();
  browser.leave("/account");
  browser.pass(59_000);
  assert.deepEqual(browser.take("/account"), NOTICE);
  browser.pass(10_000);
  assert.equal(browser.take("/account"), undefined);
  browser.leave("/account");
  browser.pass(-3_600_000);
  assert.equal(browser.take("/account"), undefined);
});
