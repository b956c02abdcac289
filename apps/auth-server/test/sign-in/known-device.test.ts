import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, describe, it } from "node:test";
import { PlainBrowser } from "@portcullis/testing/end-to-end";
import { begin, passPages } from "../oidc/app.ts";
import { ALICE, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";
import { REFUSED, SIGNED_IN, startBehindProxy, Visitor, WAIT } from "./visitor.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startBehindProxy();
});
after(() => server.stop());

const placesKnown = () => server.server.storage.read.selectFrom("known_places").selectAll().execute();

describe("a browser that signed in", () => {
  it("gets a cookie that no script and no other site can use, and whose token is stored as a hash", async () => {
    const browser = new PlainBrowser();
    const page = await browser.open(`${server.issuer}/account`);
    const { trail } = await browser.submit(page, page.forms[0]!, { fill: ALICE });
    const cookies = trail.flatMap(({ headers }) => headers["set-cookie"] ?? []);
    const cookie = cookies.find((text) => text.startsWith("_device="))!;
    assert.match(cookie, /^_device=[\w-]{22};/);
    for (const flag of ["httponly", "samesite=strict", "path=/;"]) assert.ok(cookie.includes(flag), cookie);
    assert.ok(cookies.some((text) => text.startsWith("_device.sig=")));
    const token = cookie.slice("_device=".length, "_device=".length + 22);
    const rows = JSON.stringify(await placesKnown());
    assert.ok(rows.includes("device") && !rows.includes(token) && !rows.includes("127.0.0.1"));
  });

  it("is known as well from the sign-in page of an app", async () => {
    const before = (await placesKnown()).length;
    await passPages(new PlainBrowser(), begin(server.issuer).url);
    assert.equal((await placesKnown()).length, before + 1, "a device; the address was known");
  });
});

describe("the page that says to wait", () => {
  it("is the same for somebody who does not exist, and its form works when the time is over", async () => {
    const pages: string[] = [];
    for (const username of [ALICE.username, "nobody"]) {
      const visitor = await Visitor.arrive(server, "192.0.2.77");
      for (let guess = 0; guess < 6; guess++) assert.equal((await visitor.guess(username)).status, REFUSED);
      const waiting = await visitor.guess(username);
      assert.equal(waiting.status, WAIT);
      assert.equal(waiting.retryAfterSeconds, 1);
      pages.push(waiting.body.replaceAll(username, "").replaceAll(/name="form" value="[^"]*"/g, ""));
      server.advance(waiting.retryAfterSeconds * 1000);
      const again = await visitor.try({ username });
      assert.equal(again.status, username === ALICE.username ? SIGNED_IN : REFUSED);
    }
    assert.equal(pages[0], pages[1]);
  });
});

describe("a password tried for many names from one address", () => {
  it("is slowed down after thirty, and another address is not", async () => {
    const sprayer = await Visitor.arrive(server, "192.0.2.78");
    const statuses: number[] = [];
    for (let at = 0; at < 60; at++) statuses.push((await sprayer.guess(`name${at}`)).status);
    assert.equal(statuses.filter((status) => status === REFUSED).length, 30);
    assert.equal(statuses.filter((status) => status === WAIT).length, 30);
    assert.equal((await (await Visitor.arrive(server, "192.0.2.79")).guess("name59")).status, REFUSED);
  });
});

describe("an address that a client makes up", () => {
  it("gains no guesses when no proxy is trusted", async (t) => {
    const plain = await startServer();
    t.after(() => plain.stop());
    const visitor = await Visitor.arrive(plain, "198.51.100.0");
    const statuses: number[] = [];
    for (let at = 0; at < 8; at++) {
      visitor.address = `198.51.100.${at}`;
      statuses.push((await visitor.guess()).status);
    }
    assert.deepEqual(statuses, [...Array(6).fill(REFUSED), WAIT, WAIT]);
  });
});

describe("whoever leaves while the password waits to be checked", () => {
  it("has not guessed", async () => {
    const visitor = await Visitor.arrive(server, "192.0.2.80");
    const { port } = new URL(server.issuer);
    const before = (await counts()).length;
    const sockets = Array.from({ length: 30 }, () => connect(Number(port), "127.0.0.1"));
    sockets.forEach((socket, at) => {
      socket.on("error", () => undefined);
      visitor.guessOver(socket, `leaving${at}`);
    });
    await Promise.race(sockets.map((socket) => once(socket, "data")));
    const closed = sockets.map((socket) => once(socket, "close"));
    for (const socket of sockets) socket.resetAndDestroy();
    await Promise.all(closed);
    assert.equal((await visitor.try()).status, SIGNED_IN);
    const counted = (await counts()).length - before;
    assert.ok(counted < 30, `${counted} rows; each name that was counted has two`);
  });
});

const counts = () => server.server.storage.read.selectFrom("sign_in_attempts").select("key_hash").execute();
