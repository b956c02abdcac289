import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { encodeOpaqueToken, type JsonObject, PERSONAL_TOKEN_CLIENT } from "@portcullis/protocol";
import { FrozenClock, newIdentifier, RecordedLog, TIME_LIMIT } from "@portcullis/testing";
import {
  createIntrospector,
  type IntrospectionAnswer,
  type IntrospectorOptions,
  type VerifiedAccessToken,
} from "../../src/index.ts";

const ISSUER = "https://id.example";
const API = "https://orders.example";

const newToken = (kind: "personal" | "key" = "personal") => encodeOpaqueToken(kind, randomBytes(32));

/** An issuer whose answers a test gives by hand, and that counts what it was asked. */
function asked(options: Partial<IntrospectorOptions<string>> = {}) {
  const clock = new FrozenClock();
  const log = new RecordedLog();
  const questions: { token: string; answer: (answer: unknown) => void; fail: (error: Error) => void }[] = [];
  /** What is answered at once; undefined: a test answers by hand. */
  const world = { automatic: undefined as undefined | ((token: string) => IntrospectionAnswer) };
  const introspector = createIntrospector<string>({
    issuer: ISSUER,
    audience: API,
    clock,
    setTimer: clock.setTimer,
    log,
    prepare: ({ claims }) => `mark of ${claims.jti}`,
    ask: (token) =>
      new Promise((resolve, reject) => {
        questions.push({ token, answer: (answer) => resolve(answer as IntrospectionAnswer), fail: reject });
        if (world.automatic !== undefined) resolve(world.automatic(token));
      }),
    ...options,
  });
  const active = (changes: JsonObject = {}): IntrospectionAnswer => ({
    claims: {
      ...{ active: true, token_type: "Bearer", iss: ISSUER, sub: "user-1", client_id: PERSONAL_TOKEN_CLIENT },
      ...{
        aud: [API],
        scope: "orders.read",
        iat: Math.floor(clock.seconds) - 10,
        exp: Math.floor(clock.seconds) + 3600,
      },
      ...{ jti: newIdentifier(), rv: 7, ...changes },
    },
    introspects: "any",
  });
  return { clock, log, questions, world, introspector, active };
}

const inactive = (members: JsonObject = {}): IntrospectionAnswer => ({
  claims: { active: false, ...members },
  introspects: "any",
});

const codeOf = async (work: () => unknown): Promise<string> => {
  try {
    await work();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "none";
};

/** What waits for an answer that no test gives would wait for ever. */

test("an opaque token is what its issuer says, and is answered at once from then on", async () => {
  const { introspector, world, active, questions } = asked();
  world.automatic = () => active({ name: "nightly report" });
  const token = newToken("key");
  const entry = await introspector.entryOf(token);
  assert.equal(entry.token.kind, "key");
  assert.deepEqual([...entry.token.scopes], ["orders.read"]);
  assert.deepEqual(entry.token.audience, [API]);
  assert.equal(entry.token.claims.name, "nightly report");
  assert.equal(entry.mark, `mark of ${entry.token.claims.jti}`);
  assert.ok(!("active" in entry.token.claims));
  const again = introspector.entryOf(token);
  assert.ok(!(again instanceof Promise));
  assert.equal(again, entry);
  assert.throws(() => Object.assign(entry.token.claims, { sub: "admin" }), TypeError);
  assert.equal(questions.length, 1);
});

test("a thousand requests with one token are one question, and all get the same answer", async () => {
  const { introspector, questions, active } = asked();
  const token = newToken();
  const all = Array.from({ length: 1000 }, () => introspector.entryOf(token));
  assert.equal(questions.length, 1);
  questions[0]!.answer(active());
  const entries = new Set(await Promise.all(all));
  assert.equal(entries.size, 1);
  assert.deepEqual(introspector.counters, {
    ...{ active: 1, inactive: 0, failed: 0, turnedAway: 0, kept: 0, malformed: 0 },
  });
});

test("ten thousand texts with a wrong checksum reach no issuer, and push out nothing", async () => {
  const { introspector, world, active, questions } = asked({ maxKept: 100 });
  world.automatic = () => active();
  const good = newToken();
  await introspector.entryOf(good);
  for (let made = 0; made < 10_000; made++) {
    const token = newToken();
    const spoiled = token.slice(0, -1) + (token.endsWith("0") ? "1" : "0");
    assert.equal(await codeOf(() => introspector.entryOf(spoiled)), "malformed_token");
  }
  assert.equal(questions.length, 1);
  assert.equal(introspector.counters.malformed, 10_000);
  assert.ok(!(introspector.entryOf(good) instanceof Promise));
});

test("a flood of well-formed tokens that nobody issued pushes out no good answer", async () => {
  const { introspector, world, active, questions } = asked({ maxKept: 50 });
  const good = newToken();
  world.automatic = (token) => (token === good ? active() : inactive());
  await introspector.entryOf(good);
  for (let made = 0; made < 500; made++)
    assert.equal(await codeOf(() => introspector.entryOf(newToken())), "inactive_token");
  assert.ok(!(introspector.entryOf(good) instanceof Promise));
  assert.equal(questions.length, 501);
});

test("a good answer is kept for a minute, and a bad one for ten seconds", async () => {
  const { introspector, world, active, questions, clock } = asked();
  const [good, bad] = [newToken(), newToken()];
  world.automatic = (token) => (token === good ? active() : inactive());
  await introspector.entryOf(good);
  assert.equal(await codeOf(() => introspector.entryOf(bad)), "inactive_token");
  clock.advance(9_999);
  assert.equal(await codeOf(() => introspector.entryOf(bad)), "inactive_token");
  assert.equal(questions.length, 2);
  clock.advance(1);
  assert.equal(await codeOf(() => introspector.entryOf(bad)), "inactive_token");
  assert.equal(questions.length, 3);
  clock.advance(49_999);
  assert.ok(!(introspector.entryOf(good) instanceof Promise));
  clock.advance(1);
  await introspector.entryOf(good);
  assert.equal(questions.length, 4);
});

test("an answer is not kept past the token's end", async () => {
  const { introspector, world, active, questions, clock } = asked();
  world.automatic = () => active({ exp: clock.seconds + 5 });
  const token = newToken();
  await introspector.entryOf(token);
  clock.advance(5_000);
  world.automatic = () => inactive();
  assert.equal(await codeOf(() => introspector.entryOf(token)), "inactive_token");
  assert.equal(questions.length, 2);
});

test("the answer used the longest time ago makes way, and no more are kept than may be", async () => {
  const { introspector, world, active, questions } = asked({ maxKept: 2 });
  world.automatic = () => active();
  const [first, second, third] = [newToken(), newToken(), newToken()];
  await introspector.entryOf(first);
  await introspector.entryOf(second);
  introspector.entryOf(first);
  await introspector.entryOf(third);
  assert.ok(!(introspector.entryOf(first) instanceof Promise));
  assert.ok(introspector.entryOf(second) instanceof Promise);
  assert.equal(questions.length, 4);
});

test("the reason why a token is dead is told where the issuer tells it", async () => {
  const { introspector, world } = asked();
  world.automatic = () => inactive({ reason: "banned" });
  await assert.rejects(async () => introspector.entryOf(newToken()), {
    code: "inactive_token",
    detail: "banned",
    status: 401,
  });
});

test("a token of another API is refused as one", async () => {
  const { introspector, world, active } = asked();
  world.automatic = () => active({ aud: ["https://other.example"] });
  assert.equal(await codeOf(() => introspector.entryOf(newToken())), "wrong_audience");
});

test("a list of audiences may have the issuer's UserInfo endpoint beside the API, and nothing else", async () => {
  const { introspector, world, active } = asked();
  const userinfo = `${ISSUER}/userinfo`;
  for (const aud of [[API], [API, userinfo], [userinfo, API]]) {
    world.automatic = () => active({ aud });
    assert.deepEqual((await introspector.entryOf(newToken())).token.audience, aud);
  }
  for (const aud of [
    [API, "https://other.example"],
    ["https://other.example", API],
    ["https://other.example", userinfo],
    [API, API],
    [userinfo],
    [API, "https://other-issuer.example/userinfo"],
    [API, userinfo, "https://other.example"],
  ]) {
    world.automatic = () => active({ aud });
    assert.equal(await codeOf(() => introspector.entryOf(newToken())), "wrong_audience", aud.join(" "));
  }
});

for (const [what, changes] of [
  ["another issuer", { iss: "https://other.example" }],
  ["no horizon", { rv: undefined }],
  ["a horizon that is a text", { rv: "7" }],
  ["no end", { exp: undefined }],
  ["no identifier", { jti: undefined }],
  ["a subject that no record could name", { sub: "x".repeat(600) }],
  ["an audience that is no list", { aud: API }],
  ["a session that is a number", { sid: 7 }],
  ["another type of token", { token_type: "DPoP" }],
] as const) {
  test(`an answer with ${what} is 503 and is not kept: it says nothing of the token`, async () => {
    const { introspector, world, active, questions } = asked();
    world.automatic = () => active(changes);
    const token = newToken();
    await assert.rejects(async () => introspector.entryOf(token), {
      code: "introspection_unavailable",
      status: 503,
    });
    world.automatic = () => active();
    assert.equal(await codeOf(() => introspector.entryOf(token)), "none");
    assert.equal(questions.length, 2);
  });
}

test("answers that cannot be used do not open the breaker: one bad token must not stop all others", async () => {
  const { introspector, world, active } = asked();
  world.automatic = () => active({ rv: undefined });
  for (let at = 0; at < 20; at++)
    assert.equal(await codeOf(() => introspector.entryOf(newToken())), "introspection_unavailable");
  world.automatic = () => active();
  assert.equal(await codeOf(() => introspector.entryOf(newToken())), "none");
});

test("whoever may not ask about the API gets 503 and never 401, and nothing is kept", async () => {
  const { introspector, world, questions } = asked();
  const token = newToken();
  world.automatic = () => ({ claims: { active: false }, introspects: ["https://other.example"] });
  await assert.rejects(async () => introspector.entryOf(token), {
    code: "introspection_not_allowed",
    detail: API,
    status: 503,
  });
  world.automatic = () => ({ claims: { active: false }, introspects: [API] });
  assert.equal(await codeOf(() => introspector.entryOf(token)), "inactive_token");
  assert.equal(questions.length, 2);
});

test(
  "an issuer that fails is asked no more for a while, then by one question, then by all",
  TIME_LIMIT,
  async () => {
    const { introspector, questions, clock, active, log } = asked();
    for (let at = 0; at < 5; at++) {
      const asking = codeOf(() => introspector.entryOf(newToken()));
      questions[at]!.fail(new Error("down"));
      assert.equal(await asking, "introspection_unavailable");
    }
    const turnedAway = codeOf(() => introspector.entryOf(newToken()));
    assert.deepEqual([questions.length, introspector.counters.turnedAway], [5, 1]);
    assert.equal(await turnedAway, "introspection_unavailable");

    clock.advance(500);
    const [probe, other] = [newToken(), newToken()];
    const probing = introspector.entryOf(probe);
    assert.equal(await codeOf(() => introspector.entryOf(other)), "introspection_unavailable");
    assert.equal(questions.length, 6);
    questions[5]!.fail(new Error("still down"));
    assert.equal(await codeOf(() => probing), "introspection_unavailable");
    clock.advance(999);
    assert.equal(
      await codeOf(() => introspector.entryOf(other)),
      "introspection_unavailable",
      "twice as long",
    );
    assert.equal(questions.length, 6);

    clock.advance(1);
    const again = introspector.entryOf(probe);
    questions[6]!.answer(active());
    await again;
    const late = introspector.entryOf(other);
    questions[7]!.answer(active());
    await late;
    assert.deepEqual(log.told, ["warn introspection_failed", "info introspection_recovered"]);
  },
);

test("a secret that is wrong is told of at the first question, once, and never with a token", async () => {
  const { introspector, questions, log } = asked();
  for (let at = 0; at < 3; at++) {
    const asking = codeOf(() => introspector.entryOf(newToken()));
    questions[at]!.fail(Object.assign(new Error("does not accept the client orders"), {}));
    await asking;
  }
  assert.equal(log.events.length, 1);
  assert.match(String(log.events[0]!.message), /client orders/);
  assert.doesNotMatch(JSON.stringify(log.events), /pcl_/);
});

test("an issuer that is silent is given up after the time limit", async () => {
  const { introspector, clock } = asked();
  const asking = codeOf(() => introspector.entryOf(newToken()));
  await nextTurn();
  clock.advance(3_000);
  assert.equal(await asking, "introspection_unavailable");
});

test("an answer that comes after its question was given up says nothing any more", async () => {
  const { introspector, questions, clock, active } = asked();
  const token = newToken();
  const early = codeOf(() => introspector.entryOf(token));
  await nextTurn();
  clock.advance(3_000);
  assert.equal(await early, "introspection_unavailable");
  const late = codeOf(() => introspector.entryOf(token));
  questions[1]!.answer(inactive({ reason: "revoked" }));
  assert.equal(await late, "inactive_token");
  questions[0]!.answer(active());
  await nextTurn();
  assert.equal(await codeOf(() => introspector.entryOf(token)), "inactive_token");
  assert.equal(questions.length, 2);
  assert.deepEqual([introspector.counters.active, introspector.counters.failed], [0, 1]);
});

test(
  "what an open breaker finds waiting is turned away at once, not after a time limit each",
  TIME_LIMIT,
  async () => {
    const { introspector, clock, questions } = asked({ maxUnderWay: 5 });
    const all = Array.from({ length: 50 }, () => codeOf(() => introspector.entryOf(newToken())));
    await nextTurn();
    clock.advance(3_000);
    const turnedAway = await Promise.all(all.slice(9));
    assert.deepEqual(new Set(turnedAway), new Set(["introspection_unavailable"]));
    assert.equal(questions.length, 9, "five, and those that began while four had failed");
  },
);

test("no more questions are under way, and no more wait, than may", async () => {
  const { introspector, questions, active, world } = asked({ maxUnderWay: 2, maxWaiting: 3 });
  const all = Array.from({ length: 8 }, () => codeOf(() => introspector.entryOf(newToken())));
  assert.equal(questions.length, 2);
  const busy = await Promise.all(all.slice(5));
  assert.deepEqual(busy, ["introspection_busy", "introspection_busy", "introspection_busy"]);
  world.automatic = () => active();
  questions[0]!.answer(active());
  questions[1]!.answer(active());
  assert.deepEqual(await Promise.all(all.slice(0, 5)), ["none", "none", "none", "none", "none"]);
  assert.equal(questions.length, 5);
});

test("a token that is always asked about anew takes no turn of those that wait", async () => {
  const { introspector, questions, active } = asked({ maxUnderWay: 1 });
  const [busy, other] = [newToken(), newToken()];
  void introspector.entryOf(busy, true);
  const waiting = introspector.entryOf(other);
  void introspector.entryOf(busy, true);
  questions[0]!.answer(active());
  await nextTurn();
  assert.equal(questions[1]?.token, other);
  questions[1]!.answer(active());
  await waiting;
  assert.equal(questions[2]?.token, busy);
});

test("what has waited for its turn for longer than a question may take is turned away", async () => {
  const { introspector, questions, active, clock } = asked({ maxUnderWay: 1 });
  const tokens = [newToken(), newToken(), newToken(), newToken()];
  const [first, second, third] = tokens.slice(0, 3).map((token) => codeOf(() => introspector.entryOf(token)));
  clock.advance(2_000);
  questions[0]!.answer(active());
  assert.equal(await first, "none");
  const fourth = codeOf(() => introspector.entryOf(tokens[3]!));
  clock.advance(2_000);
  questions[1]!.answer(active());
  assert.deepEqual(await Promise.all([second, third]), ["none", "introspection_busy"]);
  assert.deepEqual([questions[2]!.token, introspector.counters.turnedAway], [tokens[3], 1]);
  questions[2]!.answer(active());
  assert.equal(await fourth, "none");
});

test("an answer to a question of before is none for who needs one from now, and all such share the next", async () => {
  const { introspector, questions, active } = asked();
  const token = newToken();
  const early = introspector.entryOf(token);
  const late = Array.from({ length: 20 }, () => introspector.entryOf(token, true));
  assert.equal(questions.length, 1, "one question at a time for a token");
  questions[0]!.answer(active({ jti: "first" }));
  assert.equal((await early).token.claims.jti, "first");
  assert.equal(questions.length, 2);
  questions[1]!.answer(active({ jti: "second" }));
  for (const entry of await Promise.all(late)) assert.equal(entry.token.claims.jti, "second");
  assert.ok(introspector.entryOf(token, true) instanceof Promise, "nor is one that is kept");
  assert.equal(questions.length, 3);
});

test("a JWT is confirmed by a question that begins after it came, and nothing good is kept of it", async () => {
  const { introspector, questions, active, clock } = asked();
  const claims = active({ sub: "user-9", client_id: "web" }).claims;
  const token = { claims } as unknown as VerifiedAccessToken;
  const first = introspector.confirm(token, "a.b.c");
  clock.advance(5);
  const second = introspector.confirm(token, "a.b.c");
  questions[0]!.answer({ claims, introspects: "any" });
  assert.equal(await first, 0);
  questions[1]!.answer(inactive());
  assert.equal(await codeOf(() => second), "inactive_token");
  assert.equal(await codeOf(() => introspector.confirm(token, "a.b.c")), "inactive_token", "kept");
  assert.equal(questions.length, 2);
});

test("an answer that is of another token confirms none", async () => {
  const { introspector, world, active } = asked();
  const token = { claims: active().claims } as unknown as VerifiedAccessToken;
  world.automatic = () => active();
  assert.equal(await codeOf(() => introspector.confirm(token, "a.b.c")), "introspection_unavailable");
});

test("an answer whose mark cannot be made is 503", async () => {
  const { introspector, world, active } = asked({
    prepare: () => {
      throw new RangeError("no range");
    },
  });
  world.automatic = () => active();
  assert.equal(await codeOf(() => introspector.entryOf(newToken())), "introspection_unavailable");
});
