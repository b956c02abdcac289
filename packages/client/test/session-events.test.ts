/** The stream by which the issuer tells that the session was ended: who holds it, what is made of it, and what is done when it fails. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as macrotask } from "node:timers/promises";
import type { SessionEnded } from "@portcullis/protocol";
import { copyOf, FakeBrowser, SESSION_KEY, type Tab } from "./fake-browser.ts";
import { ISSUER } from "./fake-issuer.ts";

const GRANT = "gggggggggggggggggggggA";
const SECOND = 1000;

/** The endpoint, with the streams that are open. */
class Events {
  readonly asked: Request[] = [];
  readonly open = new Set<ReadableStreamDefaultController<Uint8Array>>();
  /** Instead of a stream. */
  refusal: (() => Response) | undefined;

  readonly answer = (request: Request): Response => {
    this.asked.push(request);
    if (this.refusal !== undefined) return this.refusal();
    const { open } = this;
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start(given) {
        controller = given;
        open.add(controller);
        given.enqueue(Buffer.from(": open\n\n"));
      },
      cancel: () => void open.delete(controller),
    });
    request.signal.addEventListener("abort", () => {
      if (!open.delete(controller)) return;
      controller.error(new DOMException("aborted", "AbortError"));
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };

  say(text: string): void {
    for (const stream of this.open) stream.enqueue(Buffer.from(text));
  }

  end(ended: SessionEnded): void {
    this.say(`event: session-ended\ndata: ${JSON.stringify(ended)}\n\n`);
  }

  /** As by a server that stops. */
  cut(): void {
    for (const stream of this.open) stream.close();
    this.open.clear();
  }
}

function world(): { browser: FakeBrowser; events: Events } {
  const browser = new FakeBrowser();
  const events = new Events();
  browser.issuer.metadata.portcullis_session_events_endpoint = `${ISSUER}/session/events`;
  browser.issuer.idTokenClaims = { gid: GRANT };
  browser.issuer.sessionEvents = events.answer;
  return { browser, events };
}

/** Lets everything that is under way go on until it is so. */
async function until(isSo: () => boolean): Promise<void> {
  for (let turns = 0; !isSo(); turns++) {
    assert.ok(turns < 1000, `never: ${isSo}`);
    await macrotask();
  }
}

async function settled(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await macrotask();
}

async function listening(browser: FakeBrowser, events: Events): Promise<Tab> {
  const tab = await browser.signedIn();
  await until(() => events.open.size === 1);
  return tab;
}

async function duplicate(browser: FakeBrowser, tab: Tab): Promise<Tab> {
  const twin = browser.open({ storage: copyOf([SESSION_KEY], tab.storage) });
  await twin.client.start();
  return twin;
}

const endOf = (tab: Tab) => tab.events.filter(({ type }) => type !== "signed-in" && type !== "refreshed");

test("the page hears that its session was ended, by what, and forgets its tokens, without a call", async () => {
  const { browser, events } = world();
  const tab = await listening(browser, events);
  const replacedBy = { device: "Safari on iPhone", at: "2026-11-30T12:00:00.000Z", address: "192.0.2.1" };
  events.end({ reason: "replaced", replacedBy });
  await until(() => tab.client.user === undefined);
  assert.deepEqual(endOf(tab), [
    { type: "forced-logout", reason: "replaced", replacedBy, fromOtherTab: false },
  ]);
  assert.equal(tab.storage.getItem(SESSION_KEY), null);
  await until(() => events.open.size === 0);
  assert.equal(events.asked.length, 1, "it asks no more");
});

test("the ID token opens it, in a header, and no cookie goes along", async () => {
  const { browser, events } = world();
  const tab = await listening(browser, events);
  const [asked] = events.asked;
  const { idToken } = JSON.parse(tab.storage.getItem(SESSION_KEY)!);
  assert.equal(asked!.headers.get("authorization"), `Bearer ${idToken}`);
  assert.deepEqual([asked!.url, asked!.credentials], [`${ISSUER}/session/events`, "omit"]);
});

test("an event that comes in pieces, after heartbeats, is read", async () => {
  const { browser, events } = world();
  const tab = await listening(browser, events);
  for (const piece of [
    ": heartbeat\n\n: heart",
    "beat\n\nevent: session-",
    'ended\r\ndata: {"reason":',
    '"kicked"}\n',
    "\n",
  ])
    events.say(piece);
  await until(() => tab.client.user === undefined);
  assert.deepEqual(endOf(tab), [{ type: "forced-logout", reason: "kicked", fromOtherTab: false }]);
});

test("a reload goes on listening, before anything is called", async () => {
  const { browser, events } = world();
  const tab = await listening(browser, events);
  tab.client.close();
  await until(() => events.open.size === 0);
  const reloaded = browser.open({ storage: tab.storage });
  await reloaded.client.start();
  await until(() => events.open.size === 1);
  assert.equal(browser.issuer.requestsTo("/token").length, 1, "nothing was refreshed for it");
});

test("all tabs of a grant share one stream, and all are told", async () => {
  const { browser, events } = world();
  const first = await listening(browser, events);
  // One has a copy of the tokens, the other has its own below the same grant.
  const [twin, own] = [await duplicate(browser, first), await browser.signedIn()];
  await settled();
  assert.equal(events.asked.length, 1);
  events.end({ reason: "banned", message: "Write to us.", until: "2026-12-01T00:00:00.000Z" });
  await until(() => own.client.user === undefined && twin.client.user === undefined);
  const told = {
    type: "forced-logout",
    reason: "banned",
    message: "Write to us.",
    until: "2026-12-01T00:00:00.000Z",
  };
  assert.deepEqual([first, twin, own].map(endOf), [
    [{ ...told, fromOtherTab: false }],
    [{ ...told, fromOtherTab: true }],
    [{ ...told, fromOtherTab: true }],
  ]);
  await settled();
  assert.equal(events.asked.length, 1);
});

test("a tab takes over when the one that listens is closed", async () => {
  const { browser, events } = world();
  const first = await listening(browser, events);
  const twin = await duplicate(browser, first);
  first.client.close();
  await until(() => events.asked.length === 2 && events.open.size === 1);
  events.end({ reason: "kicked" });
  await until(() => twin.client.user === undefined);
});

test("a tab that nobody sees lets go after some seconds, and hears at once when it is looked at again", async () => {
  const { browser, events } = world();
  const tab = await listening(browser, events);
  tab.visibility.set(false);
  browser.clock.advance(9 * SECOND);
  tab.visibility.set(true);
  browser.clock.advance(9 * SECOND);
  await settled();
  assert.deepEqual([events.open.size, events.asked.length], [1, 1], "a look at another tab changes nothing");
  tab.visibility.set(false);
  browser.clock.advance(11 * SECOND);
  await until(() => events.open.size === 0);
  await settled();
  assert.equal(events.asked.length, 1);
  events.refusal = () =>
    Response.json({ error: "invalid_token", mode: "kill", reason: "logged_out" }, { status: 401 });
  tab.visibility.set(true);
  await until(() => tab.client.user === undefined);
  assert.deepEqual(endOf(tab), [{ type: "forced-logout", reason: "logged_out", fromOtherTab: false }]);
});

test("a hidden tab that waits for its turn does not take it from one that is seen", async () => {
  const { browser, events } = world();
  const first = await listening(browser, events);
  const [hidden, seen] = [await duplicate(browser, first), await duplicate(browser, first)];
  hidden.visibility.set(false);
  browser.clock.advance(11 * SECOND);
  first.client.close();
  await until(() => events.asked.length === 2 && events.open.size === 1);
  seen.client.close();
  await until(() => events.open.size === 0);
  await settled();
  assert.equal(events.asked.length, 2);
});

test("a stream that is cut is opened again after a random time, which grows while it fails", async () => {
  const { browser, events } = world();
  const tab = await listening(browser, events);
  events.refusal = () => new Response(null, { status: 503 });
  events.cut();
  await settled();
  const waits: number[] = [];
  for (let attempt = 2; attempt < 9; attempt++) {
    const before = browser.clock.monotonicMs();
    while (events.asked.length < attempt) {
      browser.clock.advance(500);
      await settled();
    }
    waits.push(browser.clock.monotonicMs() - before);
  }
  assert.deepEqual(waits, [2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  assert.notEqual(tab.client.user, undefined, "an outage ends nothing");
  events.refusal = undefined;
  browser.clock.advance(30 * SECOND);
  await until(() => events.open.size === 1);
});

test("a server that is full is asked again when it says", async () => {
  const { browser, events } = world();
  events.refusal = () => new Response(null, { status: 429, headers: { "retry-after": "60" } });
  await browser.signedIn();
  await until(() => events.asked.length === 1);
  await settled();
  browser.clock.advance(60 * SECOND);
  await settled();
  assert.equal(events.asked.length, 1);
  browser.clock.advance(4 * SECOND);
  await until(() => events.asked.length === 2);
});

test("a line that is silent for long is dead, and one with heartbeats is not", async () => {
  const { browser, events } = world();
  await listening(browser, events);
  for (let beats = 0; beats < 5; beats++) {
    browser.clock.advance(30 * SECOND);
    events.say(": heartbeat\n\n");
    await settled();
  }
  assert.equal(events.asked.length, 1);
  browser.clock.advance(41 * SECOND);
  await until(() => events.open.size === 0);
  await settled();
  browser.clock.advance(4 * SECOND);
  await until(() => events.open.size === 1);
});

test("an ID token that is too old is renewed by a refresh, once", async () => {
  const { browser, events } = world();
  events.refusal = () => Response.json({ error: "invalid_token" }, { status: 401 });
  const tab = await browser.signedIn();
  await until(() => events.asked.length === 2);
  await settled();
  assert.deepEqual([events.asked.length, browser.issuer.requestsTo("/token").length], [2, 2]);
  assert.notEqual(tab.client.user, undefined);
});

test("a session that is over by itself is told when the refresh is refused", async () => {
  const { browser, events } = world();
  const tab = await listening(browser, events);
  browser.issuer.endSessions();
  events.refusal = () => Response.json({ error: "invalid_token" }, { status: 401 });
  events.cut();
  await settled();
  browser.clock.advance(4 * SECOND);
  await until(() => tab.client.user === undefined);
  assert.deepEqual(endOf(tab), [{ type: "session-ended" }]);
});

test("a session that runs out while it is listened to has ended without a reason", async () => {
  const { browser, events } = world();
  const tab = await listening(browser, events);
  events.end({});
  await until(() => tab.client.user === undefined);
  assert.deepEqual(endOf(tab), [{ type: "session-ended" }]);
});

test("a page that may not listen does not ask again", async () => {
  const { browser, events } = world();
  events.refusal = () => Response.json({ error: "origin_not_registered" }, { status: 403 });
  const tab = await browser.signedIn();
  await until(() => events.asked.length === 1);
  tab.visibility.set(false);
  tab.visibility.set(true);
  browser.clock.advance(600 * SECOND);
  await settled();
  assert.equal(events.asked.length, 1);
  assert.equal((await tab.call()).status, 200);
});

test("an issuer without the endpoint, and ID tokens without a grant, are left alone", async () => {
  const { browser, events } = world();
  browser.issuer.idTokenClaims = {};
  await browser.signedIn();
  delete browser.issuer.metadata.portcullis_session_events_endpoint;
  browser.issuer.idTokenClaims = { gid: GRANT };
  await browser.signedIn();
  await settled();
  assert.equal(events.asked.length, 0);
});

test("the ID token is not sent where it could be read on the way", async () => {
  const { browser, events } = world();
  browser.issuer.metadata.portcullis_session_events_endpoint = "http://issuer.test/session/events";
  const tab = await browser.signedIn();
  await settled();
  assert.equal(events.asked.length, 0);
  assert.equal((await tab.call()).status, 200);
});

test("whoever signs out hears nothing of it from the issuer", async () => {
  const { browser, events } = world();
  const tab = await listening(browser, events);
  await tab.client.signOut();
  await until(() => events.open.size === 0);
  assert.deepEqual(endOf(tab), [{ type: "signed-out", fromOtherTab: false }]);
});

test("what is no event of ours ends no session", async () => {
  const { browser, events } = world();
  const tab = await listening(browser, events);
  events.say("data: {}\n\nevent: something-new\ndata: {}\n\nevent: session-ended\ndata: {\n\n");
  await settled();
  assert.notEqual(tab.client.user, undefined);
  assert.equal(events.open.size, 0, "a stream that makes no sense is left");
});
