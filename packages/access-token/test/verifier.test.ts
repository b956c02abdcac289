import assert from "node:assert/strict";
import { test } from "node:test";
import { AUDIENCE, FrozenClock } from "@portcullis/testing";
import { claims, clock, codeOf, ISSUER, KEYS, mint, verifier } from "./token.ts";

for (const key of Object.values(KEYS)) {
  test(`a token signed with ${key.alg} verifies at once, without a promise`, () => {
    const verified = verifier().verify(mint({ sub: "user-9" }, {}, key));
    assert.ok(!(verified instanceof Promise));
    assert.equal(verified.claims.sub, "user-9");
    assert.deepEqual(verified.header, { alg: key.alg, kid: key.kid, typ: "at+jwt" });
    assert.deepEqual([...verified.scopes], ["orders.read", "orders.write"]);
    assert.deepEqual(verified.audience, [AUDIENCE]);
  });

  test(`a token signed with ${key.alg} is refused when a byte of it is changed`, async () => {
    const [header, payload, signature] = mint({}, {}, key).split(".");
    const changed = Buffer.from(signature!, "base64url");
    changed[5]! ^= 1;
    const forged = `${header}.${payload}.${changed.toString("base64url")}`;
    assert.equal(await codeOf(() => verifier().verify(forged), forged), "bad_signature");
    const other = Buffer.from(JSON.stringify(claims({ sub: "admin" }))).toString("base64url");
    const moved = `${header}.${other}.${signature}`;
    assert.equal(await codeOf(() => verifier().verify(moved), moved), "bad_signature");
  });
}

test("one verifier takes the keys of an issuer in turn", () => {
  const one = verifier();
  const keys = [...Object.values(KEYS), ...Object.values(KEYS)];
  for (const key of keys) assert.ok(one.verify(mint({}, {}, key)));
});

test("typ is taken with application/ in front and in any case", () => {
  for (const typ of ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"]) {
    assert.ok(verifier().verify(mint({}, { typ })));
  }
});

test("one audience of several that a verifier has is enough", () => {
  assert.ok(verifier({ audience: ["https://third.example", AUDIENCE] }).verify(mint()));
});

test("a list of audiences may have the issuer's UserInfo endpoint beside the API, and nothing else", async () => {
  const userinfo = `${ISSUER}/userinfo`;
  for (const aud of [[AUDIENCE], [AUDIENCE, userinfo], [userinfo, AUDIENCE]]) {
    assert.deepEqual((await verifier().verify(mint({ aud }))).audience, aud);
  }
  const one = verifier({ audience: [AUDIENCE, "https://third.example"] });
  for (const aud of [
    ["https://other.example", AUDIENCE],
    [AUDIENCE, "https://third.example"],
    [AUDIENCE, AUDIENCE],
    [userinfo, userinfo],
    [userinfo],
    ["https://other.example", userinfo],
    [AUDIENCE, "https://other-issuer.example/userinfo"],
    [AUDIENCE, `${ISSUER}/userinfo/`],
    [AUDIENCE, userinfo, userinfo],
    [AUDIENCE, userinfo, "https://third.example"],
  ]) {
    assert.throws(() => one.verify(mint({ aud })), { code: "wrong_audience" }, aud.join(" "));
  }
});

const TIMES: readonly (readonly [what: string, changes: object, code: string])[] = [
  ["exp 4 s ago, within the skew", { exp: clock.seconds - 4 }, "accepted"],
  ["exp 5 s ago", { exp: clock.seconds - 5 }, "expired_token"],
  ["iat 5 s ahead, within the skew", { iat: clock.seconds + 5 }, "accepted"],
  ["iat 6 s ahead", { iat: clock.seconds + 6 }, "not_yet_valid"],
  ["nbf 5 s ahead, within the skew", { nbf: clock.seconds + 5 }, "accepted"],
  ["nbf 6 s ahead", { nbf: clock.seconds + 6 }, "not_yet_valid"],
];
for (const [what, changes, code] of TIMES) {
  test(`${what}: ${code}`, async () => {
    assert.equal(await codeOf(() => verifier().verify(mint(changes))), code);
  });
}

test("a token seen before gives the same object, and expires all the same", async () => {
  const now = clock.seconds;
  const moved = new FrozenClock(now);
  const cached = verifier({ clock: moved });
  const token = mint({ exp: now + 60 });
  const first = cached.verify(token);
  assert.equal(cached.verify(token), first);
  moved.setSeconds(now + 66);
  assert.equal(await codeOf(() => cached.verify(token)), "expired_token");
  moved.setSeconds(now - 60);
  assert.equal(await codeOf(() => cached.verify(token)), "not_yet_valid");
  moved.setSeconds(Number.NaN);
  assert.equal(await codeOf(() => cached.verify(token)), "expired_token");
});

test("what is handed out cannot be changed for the next request", async () => {
  const verified = await verifier().verify(mint({ aud: [AUDIENCE], cnf: { jkt: "thumbprint" } }));
  assert.throws(() => Object.assign(verified.claims, { sub: "admin" }), TypeError);
  assert.throws(() => Object.assign(verified.claims.cnf!, { jkt: "other" }), TypeError);
  assert.throws(() => (verified.audience as string[]).push("more"), TypeError);
  assert.throws(() => (verified.scopes as Set<string>).add("admin"), TypeError);
  assert.throws(() => (verified.scopes as Set<string>).clear(), TypeError);
  assert.equal(verified.scopes.has("orders.read"), true);
});

test("what prepare makes is made once a token and comes back with it", async () => {
  let made = 0;
  const marking = verifier({ prepare: () => void made++ });
  const token = mint();
  const entry = marking.verifyEntry(token);
  assert.equal(marking.verifyEntry(token), entry);
  assert.equal(made, 1);
});

test("when prepare throws, nothing is remembered", async () => {
  let failing = true;
  const marking = verifier({
    prepare: () => {
      if (failing) throw new Error("not ready");
      return undefined;
    },
  });
  const token = mint();
  assert.throws(() => marking.verify(token), /not ready/);
  failing = false;
  assert.ok(marking.verify(token));
});

for (const options of [
  { algorithms: [] },
  { algorithms: ["none"] },
  { algorithms: ["HS256"] },
  { audience: [] },
  { audience: "" },
]) {
  test(`a verifier is not made of ${JSON.stringify(options)}`, async () => {
    assert.equal(await codeOf(() => verifier(options as never)), "invalid_configuration");
  });
}
