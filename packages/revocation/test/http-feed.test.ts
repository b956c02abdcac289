import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { encodeBase64url } from "@portcullis/protocol";
import { type FeedEvent, type HttpFeedOptions, httpFeed } from "@portcullis/revocation";
import { leaseSecretOf, PATIENCE_MS } from "@portcullis/testing";
import { FakeTime } from "./fake-time.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

async function serve(t: TestContext, handler: Handler, options: Partial<HttpFeedOptions> = {}) {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/revocations`;
  const asked: (boolean | undefined)[] = [];
  const feed = httpFeed({
    endpoint,
    authorization: async ({ refresh } = {}) => {
      asked.push(refresh);
      return refresh ? "Bearer new" : "Bearer old";
    },
    ...options,
  });
  return { feed, asked };
}

const signal = (): AbortSignal => new AbortController().signal;
const request = {
  replica: "gateway-1",
  secret: leaseSecretOf("gateway-1"),
  incarnation: "first",
  applied: 3,
  leaseMs: 5000,
};

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

async function collect(events: AsyncIterable<FeedEvent>): Promise<FeedEvent[]> {
  const all: FeedEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

test("a lease is asked for as JSON, with credentials", async (t) => {
  const seen: unknown[] = [];
  const { feed } = await serve(t, async (incoming, response) => {
    let body = "";
    for await (const chunk of incoming) body += chunk;
    seen.push(incoming.method, incoming.url, incoming.headers.authorization, JSON.parse(body));
    json(response, 200, { incarnation: "first", head: 4, leaseMs: 4000 });
  });
  const { issuerTime: _, ...answer } = await feed.lease(request, signal());
  assert.deepEqual(answer, { incarnation: "first", head: 4, leaseMs: 4000 });
  assert.deepEqual(seen, ["POST", "/revocations/lease", "Bearer old", request]);
});

test("the issuer's time is what it names, else its Date, and never the Date of a relay", async (t) => {
  const date = "Tue, 04 Jun 2030 08:00:00 GMT";
  let more = {};
  const { feed } = await serve(t, (_, response) => {
    response.setHeader("date", date);
    json(response, 200, { incarnation: "first", head: 4, leaseMs: 4000, ...more });
  });
  const earliestMs = Date.parse(date);
  const issuerTime = async () => (await feed.lease(request, signal())).issuerTime;
  assert.deepEqual(await issuerTime(), { earliestMs, latestMs: earliestMs + 1000 });
  more = { ageMs: 3 };
  assert.equal(await issuerTime(), undefined);
  more = { issuerTime: { earliestMs: 5, latestMs: 7 } };
  assert.deepEqual(await issuerTime(), { earliestMs: 5, latestMs: 7 });
});

test("credentials that are refused are asked for again, once", async (t) => {
  const { feed, asked } = await serve(t, (incoming, response) => {
    if (incoming.headers.authorization === "Bearer old") response.writeHead(401).end();
    else response.end("snapshot");
  });
  assert.equal(Buffer.from(await feed.snapshot(signal())).toString(), "snapshot");
  assert.deepEqual(asked, [false, true]);
});

test("what the server answers, and what does not come, have codes of their own", async (t) => {
  let answer: Handler = () => {};
  const { feed, asked } = await serve(t, (incoming, response) => answer(incoming, response), {
    leaseTimeoutMs: PATIENCE_MS,
  });
  const cases: readonly (readonly [Handler, string])[] = [
    [(_, response) => response.writeHead(401).end(), "feed_unauthorized"],
    [(_, response) => json(response, 403, { error: "insufficient_scope" }), "feed_unauthorized"],
    [(_, response) => json(response, 409, { error: "ahead_of_head" }), "feed_conflict"],
    [(_, response) => json(response, 409, { error: "lease_of_another_process" }), "name_in_use"],
    [(_, response) => json(response, 429, { error: "too_many_leases" }), "feed_unavailable"],
    [(_, response) => response.writeHead(503).end("<html>"), "feed_unavailable"],
    [(_, response) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(), "feed_unavailable"],
    [(incoming) => incoming.destroy(), "feed_unavailable"],
    [(_, response) => response.end("not json"), "malformed_feed"],
    [(_, response) => json(response, 200, { incarnation: "first", head: -1, leaseMs: 1 }), "malformed_feed"],
  ];
  for (const [handler, code] of cases) {
    answer = handler;
    await assert.rejects(feed.lease(request, signal()), { code });
  }
  assert.equal(asked.filter(Boolean).length, 1);
});

test("the reason of a conflict is passed on, and no credential is in any error", async (t) => {
  const { feed } = await serve(t, (_, response) => json(response, 409, { error: "other_incarnation" }));
  const error = await feed.lease(request, signal()).then(
    () => undefined,
    (reason) => reason,
  );
  assert.equal(error.detail, "other_incarnation");
  assert.ok(!JSON.stringify([error, error.message, error.detail, String(error.cause)]).includes("Bearer"));
});

test("credentials that cannot be had make the feed unavailable", async (t) => {
  const { feed } = await serve(t, (_, response) => response.end(), {
    authorization: async () => {
      throw new Error("the token endpoint is down");
    },
  });
  await assert.rejects(feed.snapshot(signal()), {
    code: "feed_unavailable",
    detail: "the token endpoint is down",
  });
});

test("events are read as they come, however they are cut", async (t) => {
  const records = Uint8Array.from({ length: 40 }, (_, index) => index * 6);
  const chain = "C".repeat(43);
  const batch = { incarnation: "first", prev: 3, from: 4, to: 4, records: encodeBase64url(records), chain };
  const reset = { incarnation: "second", reason: "other_incarnation" };
  const text =
    `: heartbeat\n\nid: first:4\nevent: batch\ndata: ${JSON.stringify(batch)}\n\n` +
    `event: something-new\ndata: {}\n\n: heartbeat é\n\nevent: reset\ndata: ${JSON.stringify(reset)}\n\n`;
  const seen: unknown[] = [];
  const { feed } = await serve(t, async (incoming, response) => {
    seen.push(incoming.url, incoming.headers["last-event-id"], incoming.headers.accept);
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += 7) {
      await new Promise((resolve) => response.write(bytes.subarray(at, at + 7), resolve));
    }
    response.end();
  });
  const events = await collect(feed.stream({ incarnation: "first", seq: 3 }, signal()));
  assert.deepEqual(seen, ["/revocations/stream", "first:3", "text/event-stream"]);
  assert.deepEqual(events, [
    { type: "heartbeat" },
    { type: "batch", batch: { ...batch, records } },
    { type: "heartbeat" },
    { type: "reset", reset },
  ]);
});

test("an event that cannot be read ends the stream", async (t) => {
  let data = "";
  const { feed } = await serve(t, (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(`event: batch\ndata: ${data}\n\n`);
  });
  const chain = "C".repeat(43);
  const batch = { incarnation: "first", prev: 3, from: 4, to: 4, records: "AAAA", chain };
  for (const bad of [
    "{",
    "{}",
    JSON.stringify({ ...batch, records: "A=" }),
    JSON.stringify({ ...batch, prev: -1 }),
  ]) {
    data = bad;
    await assert.rejects(collect(feed.stream({ incarnation: "first", seq: 3 }, signal())), {
      code: "malformed_feed",
    });
  }
});

test("a page that is no event stream is refused", async (t) => {
  const { feed } = await serve(t, (_, response) => response.end("<html>"));
  await assert.rejects(collect(feed.stream({ incarnation: "first", seq: 3 }, signal())), {
    code: "malformed_feed",
  });
});

test("a stream ends when it is aborted, and its connection with it", async (t) => {
  let closed = (): void => {};
  const gone = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const { feed } = await serve(t, (incoming, response) => {
    incoming.once("close", closed);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(": heartbeat\n\n");
  });
  const abort = new AbortController();
  const events = feed.stream({ incarnation: "first", seq: 3 }, abort.signal)[Symbol.asyncIterator]();
  assert.deepEqual(await events.next(), { done: false, value: { type: "heartbeat" } });
  const next = events.next();
  abort.abort(new Error("stop"));
  await assert.rejects(next);
  await gone;
});

test("a snapshot that stands still is given up, and one that moves is not", async (t) => {
  const time = new FakeTime();
  let moves = true;
  const { feed } = await serve(
    t,
    async (_, response) => {
      response.write("a");
      for (let part = 0; moves && part < 6; part++) {
        // What was written has reached the other side when it has set its timer anew.
        await time.timerSet();
        await time.advance(900);
        response.write("b");
      }
      if (moves) response.end();
    },
    { snapshotStallMs: 1000, setTimer: time.setTimer },
  );
  assert.equal(Buffer.from(await feed.snapshot(signal())).toString(), "abbbbbb");
  moves = false;
  const stalled = feed.snapshot(signal());
  const refused = assert.rejects(stalled, { code: "feed_unavailable", detail: "the snapshot stands still" });
  await time.timerSet();
  await time.advance(1000);
  await refused;
  assert.equal(time.pending, 0);
});

test("a lease call that is not answered is given up", async (t) => {
  const time = new FakeTime();
  const { feed } = await serve(t, () => {}, { leaseTimeoutMs: 1000, setTimer: time.setTimer });
  const refused = assert.rejects(feed.lease(request, signal()), {
    code: "feed_unavailable",
    detail: "no answer to the lease call",
  });
  await time.advance(1000);
  await refused;
});
