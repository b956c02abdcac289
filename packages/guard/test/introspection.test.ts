/** Opaque tokens and online routes over real HTTP: discovery, credentials, an issuer that misbehaves, and a feed that evicts. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { after, afterEach, before, beforeEach, test } from "node:test";
import type { LogEvent } from "@portcullis/protocol";
import { createKeySpace } from "@portcullis/revocation";
import {
  AUDIENCE,
  FakeFeed,
  FakeIntrospection,
  FakeIssuer,
  logTo,
  TIME_LIMIT,
  VERIFIER,
} from "@portcullis/testing";
import { type ConnectedGuard, connect, type Decision } from "../src/index.ts";

let issuer: FakeIssuer;
let feed: FakeFeed;
before(async () => {
  issuer = await FakeIssuer.start();
  feed = new FakeFeed(issuer, createKeySpace);
});
after(() => issuer[Symbol.asyncDispose]());

let introspection: FakeIntrospection;
let guard: ConnectedGuard;
let events: LogEvent[];
beforeEach(async () => {
  introspection = new FakeIntrospection(issuer);
  events = [];
  guard = connect({
    issuer: issuer.issuer,
    audience: AUDIENCE,
    ...VERIFIER,
    name: "orders-1",
    log: logTo((event) => void events.push(event)),
  });
  await guard.whenReady();
});
afterEach(() => guard.close());

const codeOf = (decision: Decision): string =>
  decision.outcome === "allow" ? "allow" : [decision.code, decision.body.reason].filter(Boolean).join(" ");
const ask = async (token: string): Promise<string> => codeOf(await guard.authenticate(`Bearer ${token}`));

/** Resolves when the replica has applied the record. */
function applied(seq: number): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      if (guard.replica.applied < seq) return;
      stop();
      resolve();
    };
    const stop = guard.replica.subscribe(check);
    check();
  });
}

test("a thousand requests at once with one token are one question, and then none", TIME_LIMIT, async () => {
  const token = introspection.issue();
  const all = await Promise.all(Array.from({ length: 1000 }, () => ask(token)));
  assert.deepEqual(new Set(all), new Set(["allow"]));
  assert.equal(await ask(token), "allow");
  assert.deepEqual(introspection.asked, [token]);
});

test("a token that is ended while it is kept dies with the feed, and nobody asks", TIME_LIMIT, async () => {
  const token = introspection.issue();
  assert.equal(await ask(token), "allow");
  const seq = feed.revoke({ scope: "token", key: introspection.idOf(token), reason: "revoked" });
  await applied(seq);
  assert.equal(await ask(token), "killed revoked");
  assert.equal(introspection.asked.length, 1);
});

test("a ban ends what is kept of its owner's tokens, with its reason", TIME_LIMIT, async () => {
  const token = introspection.issue({ sub: "user-banned" });
  assert.equal(await ask(token), "allow");
  introspection.end(token);
  await applied(feed.revoke({ scope: "subject", key: "user-banned", reason: "banned" }));
  assert.equal(await ask(token), "killed banned");
});

const MISBEHAVIOURS: readonly (readonly [what: string, misbehave: (response: ServerResponse) => unknown])[] =
  [
    ["garbage", (response) => response.writeHead(200, { "content-type": "application/json" }).end("<html>")],
    ["an endless answer", (response) => writeOn(response)],
    ["an answer without active", (response) => response.writeHead(200, JSON_TYPE).end('{"sub":"user-1"}')],
    ["active twice", (response) => response.writeHead(200, JSON_TYPE).end('{"active":false,"active":true}')],
    ["500", (response) => response.writeHead(500).end()],
    ["401", (response) => response.writeHead(401, JSON_TYPE).end('{"error":"invalid_client"}')],
    ["403", (response) => response.writeHead(403).end()],
    ["a redirect", (response) => response.writeHead(302, { location: "/elsewhere" }).end()],
    ["a broken connection", (response) => response.destroy()],
  ];
const JSON_TYPE = { "content-type": "application/json" };

function writeOn(response: ServerResponse): void {
  const write = () => {
    while (!response.destroyed && response.write("x".repeat(16_384)));
  };
  response.on("drain", write);
  write();
}

for (const [what, misbehave] of MISBEHAVIOURS) {
  test(`${what} is 503, is told with what to do, and harms no token that is kept`, TIME_LIMIT, async () => {
    const [kept, other] = [introspection.issue(), introspection.issue()];
    assert.equal(await ask(kept), "allow");
    introspection.misbehave = misbehave;
    assert.equal(await ask(other), "introspection_unavailable");
    assert.equal(await ask(kept), "allow");
    introspection.misbehave = undefined;
    assert.equal(await ask(other), "allow");
    const told = events.filter(({ event }) => event.startsWith("introspection_"));
    assert.deepEqual(
      told.map(({ event, guard, client }) => [event, guard, client]),
      [
        ["introspection_failed", "orders-1", VERIFIER.clientId],
        ["introspection_recovered", "orders-1", VERIFIER.clientId],
      ],
    );
    assert.match(String(told[0]!.message), /answered with 503\. /);
    assert.match(String(told[0]!.remedy), /tries again by itself/);
    assert.doesNotMatch(JSON.stringify(events), /pcl_|verifier:secret/);
  });
}

test(
  "an issuer that stands still costs nobody more than the time TIME_LIMIT, and recovers",
  TIME_LIMIT,
  async () => {
    const token = introspection.issue();
    introspection.hold();
    assert.equal(await ask(token), "introspection_unavailable");
    introspection.release();
    assert.equal(await ask(token), "allow");
  },
);

test("who may not ask about the API is told so, once, and its tokens are 503", TIME_LIMIT, async () => {
  introspection.introspects = "https://other.example";
  assert.deepEqual(await guard.apisNotIntrospected(), [AUDIENCE]);
  const token = introspection.issue();
  introspection.end(token);
  assert.equal(await ask(token), "introspection_not_allowed");
  assert.equal(await ask(token), "introspection_not_allowed");
  const told = events.filter(({ event }) => event === "introspection_not_allowed");
  assert.equal(told.length, 1);
  assert.match(String(told[0]!.message), new RegExp(`tokens of ${AUDIENCE}`));
  assert.match(String(told[0]!.remedy), new RegExp(`apps/${VERIFIER.clientId}`));
  introspection.introspects = `urn:other ${AUDIENCE}`;
  assert.deepEqual(await guard.apisNotIntrospected(), []);
  introspection.introspects = undefined;
  assert.deepEqual(await guard.apisNotIntrospected(), [], "an issuer that does not say so");
  assert.equal(await ask(token), "inactive_token");
});

test("ten thousand different texts that are no tokens reach no issuer", TIME_LIMIT, async () => {
  const before = introspection.asked.length;
  const token = introspection.issue();
  for (let at = 0; at < 10_000; at++) {
    const text = token.slice(0, 8) + String(at).padStart(43, "0") + token.slice(-7);
    assert.equal(await ask(text), "malformed_token");
  }
  assert.equal(introspection.asked.length, before);
  assert.equal(guard.introspection!.malformed, 10_000);
  assert.equal(await ask(token), "allow");
});

test(
  "an online route asks about a JWT when the lease is lost, and refuses a dead one then",
  TIME_LIMIT,
  async () => {
    const requirements = { freshness: { policy: "online", maxAgeMs: 0 } } as const;
    const token = issuer.mint();
    const authenticate = async () => codeOf(await guard.authenticate(`Bearer ${token}`, requirements));
    introspection.tokens.set(token, { active: true });
    assert.equal(await authenticate(), "allow");
    introspection.tokens.set(token, { active: false, reason: "logged_out" });
    assert.equal(await authenticate(), "killed logged_out");
  },
);
