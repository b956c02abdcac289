/** A guard that cannot decide says why: once a cause, to the log or else to the console. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { createKeySpace } from "@portcullis/revocation";
import {
  AUDIENCE,
  FakeFeed,
  FakeIssuer,
  FrozenClock,
  newIdentifier,
  RecordedLog,
  sendJson,
  TIME_LIMIT,
  VERIFIER,
} from "@portcullis/testing";
import { type ConnectedGuard, type ConnectOptions, connect } from "../src/index.ts";
import { Outage } from "../src/outage.ts";

let issuer: FakeIssuer;
let feed: FakeFeed;
let guards: ConnectedGuard[];
/** What the console was told. */
let lines: string[];
let asked: number;
let ended: AbortController;
beforeEach(async () => {
  ended = new AbortController();
  issuer = await FakeIssuer.start();
  feed = new FakeFeed(issuer, createKeySpace);
  guards = [];
  lines = [];
  asked = 0;
  mock.method(console, "warn", (line: string) => void lines.push(line));
});
afterEach(async () => {
  ended.abort();
  mock.restoreAll();
  await Promise.all(guards.map((guard) => guard.close()));
  await issuer[Symbol.asyncDispose]();
});

function connected(options: Partial<ConnectOptions> = {}): ConnectedGuard {
  const counting: typeof fetch = (input, init) => {
    asked++;
    return fetch(input, init);
  };
  const guard = connect({
    issuer: issuer.issuer,
    audience: AUDIENCE,
    ...VERIFIER,
    name: "orders-1",
    fetch: counting,
    ...options,
  });
  guards.push(guard);
  return guard;
}

/** Waits for what happens on another socket, by looking again whenever this process has worked. */
async function until(condition: () => boolean): Promise<void> {
  const { signal } = ended;
  while (!condition() && !signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** The only line that was told, when it has been tried again several times since. */
async function onlyLine(): Promise<string> {
  await until(() => lines.length > 0);
  const before = asked;
  await until(() => asked >= before + 4);
  assert.equal(lines.length, 1, lines.join("\n"));
  return lines[0]!;
}

type Misbehaviour = readonly [what: string, misbehave: () => unknown, says: RegExp];
const MISBEHAVIOURS: readonly Misbehaviour[] = [
  ["is down", () => issuer.stop(), /refuses the connection\. Is the authorization server running there\?/],
  [
    "answers HTML",
    () => answer((response) => response.end("<html>")),
    /something other than one JSON object/,
  ],
  [
    "answers 500",
    () => answer((response) => response.writeHead(500).end()),
    /answers 500\. See the issuer's own log/,
  ],
  [
    "redirects",
    () => answer((response) => response.writeHead(302, { location: "/login" }).end()),
    /redirects to .*\/login, and redirects are not followed/,
  ],
  [
    "is another one",
    () => Object.assign(issuer.metadata, { issuer: "https://id.example" }),
    /"https:\/\/id\.example"/,
  ],
  [
    "is no Portcullis server",
    () => Object.assign(issuer.metadata, { portcullis_revocations_endpoint: undefined }),
    /has no portcullis_revocations_endpoint\. Is it a Portcullis authorization server\?/,
  ],
];

function answer(work: (response: Parameters<typeof sendJson>[0]) => unknown): void {
  issuer.routes.unshift((_request, response) => {
    work(response);
    return true;
  });
}

for (const [what, misbehave, says] of MISBEHAVIOURS) {
  test(`an issuer that ${what} is told of once, on the console`, TIME_LIMIT, async () => {
    await misbehave();
    connected();
    const line = await onlyLine();
    assert.match(line, /^portcullis guard "orders-1": Requests are answered with 503\. /);
    assert.match(line, says);
    assert.ok(line.includes(issuer.issuer), line);
  });
}

test(
  "a secret that is wrong is told of with the client, the issuer and the lines that register it",
  TIME_LIMIT,
  async () => {
    connected({ clientSecret: "wrong-secret" });
    const line = await onlyLine();
    assert.match(
      line,
      new RegExp(`503\\. ${issuer.issuer} does not accept the client orders with this secret`),
    );
    assert.ok(line.includes(`clients: [{ clientId: orders, `), line);
    assert.ok(line.includes(`resources: { "${issuer.issuer}/api": [revocations.read] }`), line);
    assert.ok(!line.includes("wrong-secret"));
  },
);

test(
  "with a log it is told there, as a warning with its parts, and the console hears nothing",
  TIME_LIMIT,
  async () => {
    const log = new RecordedLog();
    connected({ clientSecret: "wrong-secret", log });
    await until(() => log.named("guard_unavailable").length > 0);
    const { message, remedy, ...told } = log.named("guard_unavailable")[0]!;
    assert.deepEqual(told, {
      event: "guard_unavailable",
      level: "warn",
      guard: "orders-1",
      issuer: issuer.issuer,
      client: "orders",
      code: "client_not_accepted",
    });
    assert.match(String(message), /does not accept/);
    assert.match(String(remedy), /revocations\.read/);
    assert.deepEqual(lines, []);
  },
);

test("another cause is told too, and so is the end of it", TIME_LIMIT, async () => {
  await issuer.stop();
  const refuse = { is: true };
  issuer.routes.unshift(({ url }, response) => {
    if (url !== "/token" || !refuse.is) return false;
    sendJson(response, { error: "invalid_client" }, 401);
    return true;
  });
  const guard = connected();
  await until(() => lines.length === 1);
  await issuer.startAgain();
  await until(() => lines.length === 2);
  assert.match(lines[1]!, /does not accept the client/);
  refuse.is = false;
  await guard.whenReady();
  await until(() => lines.length === 3);
  assert.match(lines[2]!, /^portcullis guard "orders-1": It works again/);
});

test(
  "a guard that was ready tells when its lease has run out, and when it has one again",
  TIME_LIMIT,
  async () => {
    const guard = connected({ leaseMs: 1000 });
    await guard.whenReady();
    assert.deepEqual(lines, []);
    await issuer.stop();
    const line = await onlyLine();
    assert.match(line, /503\. The revocation feed cannot be reached \(.*\)\. It tries again by itself\.$/);
    await issuer.startAgain();
    await until(() => lines.length === 2);
    assert.match(lines[1]!, /It works again/);
  },
);

test("a list that is too long for the guard is told of", TIME_LIMIT, async () => {
  for (const sub of ["a", "b", "c"]) feed.revoke({ scope: "subject", key: sub, reason: "banned" });
  connected({ maxRevocations: 2 });
  await until(() => lines.length > 0);
  assert.match(lines[0]!, /larger than this verifier may hold.* Raise maxRevocations/);
});

test("who gives up waiting is told what was in the way", TIME_LIMIT, async () => {
  const guard = connected({ clientSecret: "wrong-secret" });
  const giveUp = new AbortController();
  const ready = guard.whenReady(giveUp.signal);
  await until(() => lines.length > 0);
  const reason = new Error("waited long enough");
  giveUp.abort(reason);
  await assert.rejects(ready, (error: Error & { code: string }) => {
    assert.equal(error.code, "not_ready");
    assert.match(
      error.message,
      /^The guard is not ready \(waited long enough\)\. .* does not accept the client orders/,
    );
    assert.equal(error.cause, reason);
    return true;
  });
});

test("who gives up while nothing is wrong is told so", TIME_LIMIT, async () => {
  answer(() => {});
  const guard = connected();
  await assert.rejects(guard.whenReady(AbortSignal.abort(new Error("at once"))), {
    code: "not_ready",
    message: "The guard is not ready (at once). Nothing has failed so far.",
  });
});

test("whoever waits when the guard is closed is told that it was closed", TIME_LIMIT, async () => {
  answer(() => {});
  const guard = connected();
  const ready = guard.whenReady();
  const rejected = assert.rejects(ready, /closed/);
  await guard.close();
  await rejected;
});

function outage(log = new RecordedLog()) {
  const clock = new FrozenClock();
  const one = new Outage({ issuer: "https://id.example", clientId: "orders", name: "orders-1", log, clock });
  return { log, clock, one, told: () => log.named("guard_unavailable").map(({ code }) => code) };
}

const feedFailure = (code: string) => ({ event: "stream_ended", code, message: "Something is wrong." });
const state = (name: string) => ({ event: "state", state: name });

test("a stream that ends while the lease runs is nothing to tell", () => {
  const { one, told, log } = outage();
  one.ofReplica.info(state("live"));
  one.ofReplica.warn(feedFailure("feed_unavailable"));
  one.ofReplica.info(state("lagging"));
  one.ofReplica.info(state("live"));
  assert.deepEqual(told(), []);
  assert.deepEqual(log.named("guard_recovered"), []);
});

test("causes that come and go, or take turns, are told once a minute each", () => {
  const { one, told, clock, log } = outage();
  for (let second = 0; second < 120; second++) {
    one.ofReplica.info(state("stale"));
    one.ofReplica.warn(feedFailure(second % 2 === 0 ? "feed_unavailable" : "feed_unauthorized"));
    if (second % 3 === 0) one.ofReplica.info(state("live"));
    clock.advance(1000);
  }
  assert.deepEqual(told().sort(), [
    "feed_unauthorized",
    "feed_unauthorized",
    "feed_unavailable",
    "feed_unavailable",
  ]);
  assert.ok(log.named("guard_recovered").length <= 4);
});

test("a failure that is the same again is passed on once, until it is another or it has worked between", () => {
  const { one, log } = outage();
  const failed = (code: string) => one.ofReplica.warn({ event: "snapshot_failed", code, message: code });
  const passedOn = () => log.named("snapshot_failed").map(({ code }) => code);
  for (let time = 0; time < 5; time++) failed("client_not_accepted");
  assert.deepEqual(passedOn(), ["client_not_accepted"]);
  failed("feed_unavailable");
  one.ofReplica.info(state("live"));
  failed("feed_unavailable");
  assert.deepEqual(passedOn(), ["client_not_accepted", "feed_unavailable", "feed_unavailable"]);
});

test("it is over when the keys and the list of revocations are there, whichever came first", () => {
  const down = new Error("down");
  for (const keysFirst of [true, false]) {
    const { one, told, log } = outage();
    one.keysFailed(down, 250);
    one.ofReplica.warn({ event: "snapshot_failed", error: "down" });
    assert.deepEqual(told(), ["check_failed"], "one cause, though both fail by it");
    const ends = [() => one.keysCame(), () => one.ofReplica.info(state("live"))];
    const [first, second] = keysFirst ? ends : ends.reverse();
    first!();
    assert.deepEqual(log.named("guard_recovered"), [], "not yet");
    second!();
    assert.equal(log.named("guard_recovered").length, 1);
    one.ofReplica.info(state("stale"));
    one.ofReplica.info(state("live"));
    assert.equal(log.named("guard_recovered").length, 1, "nothing was told since");
  }
});

test("a clock that is off is told of although the lease runs", () => {
  const { one, log } = outage();
  one.ofReplica.info(state("live"));
  one.ofReplica.error({ event: "clock_off", offsetMs: -9000, allowedMs: 5000 });
  const [told] = log.named("guard_unavailable");
  assert.match(String(told!.message), /off from the issuer's by -9000 ms, and 5000 ms are allowed/);
  assert.match(String(told!.remedy), /NTP/);
});

test("a list of revocations that this version cannot read is told of at once, with what to do", () => {
  const { one, log } = outage();
  one.ofReplica.info(state("live"));
  const unknown = { code: "unknown_record", message: "It cannot be read.", detail: "scope code 99" };
  one.ofReplica.warn({ event: "stream_ended", ...unknown });
  assert.deepEqual(log.named("guard_unavailable"), [], "the lease runs as yet");
  one.ofReplica.error({ event: "outdated", ...unknown });
  one.ofReplica.info(state("outdated"));
  const [told, ...more] = log.named("guard_unavailable");
  assert.deepEqual([told!.code, more], ["unknown_record", []]);
  assert.match(String(told!.remedy), /^Update this verifier/);
  one.ofReplica.info(state("live"));
  assert.equal(log.named("guard_recovered").length, 1);
});

test("what is told in words is not told again as loudly, and the rest keeps its level", () => {
  const { one, log } = outage();
  one.ofReplica.warn(feedFailure("feed_unavailable"));
  one.ofReplica.warn({ event: "capacity_alarm", entries: 80 });
  assert.deepEqual(
    log.events.map(({ event, level }) => `${level} ${event}`),
    ["info stream_ended", "warn guard_unavailable", "warn capacity_alarm"],
  );
});

test("keys that cannot be renewed are a warning of their own", () => {
  const { one, log } = outage();
  one.ofKeys.warn({ event: "keys_kept", ageMs: 600_001 });
  one.ofKeys.info({ event: "keys_renewed" });
  assert.deepEqual(
    log.events.map(({ event, level }) => `${level} ${event}`),
    ["warn keys_kept", "info keys_renewed"],
  );
});

test("a log that is told everything is told no secret and no token", TIME_LIMIT, async () => {
  const log = new RecordedLog();
  feed.forgetTokens();
  const guard = connected({ log });
  await guard.whenReady();
  feed.revoke({ scope: "session", key: newIdentifier(), reason: "kicked" });
  await issuer.stop();
  await until(() => log.events.some(({ event }) => event === "stream_ended"));
  const text = JSON.stringify(log.events);
  assert.ok(!text.includes(VERIFIER.clientSecret) && !/Bearer|Basic/.test(text));
});
