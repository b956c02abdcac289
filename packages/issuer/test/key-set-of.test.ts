import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { FakeIssuer } from "@portcullis/testing";
import { keySetOf } from "../src/index.ts";
import { answerAt, IMPATIENT_MS, json, MISBEHAVIOURS, STALLS } from "./misbehaving-issuer.ts";

let issuer: FakeIssuer;
beforeEach(async () => {
  issuer = await FakeIssuer.start();
});
afterEach(() => issuer[Symbol.asyncDispose]());

const keySet = () => keySetOf({ issuer: issuer.issuer })();

test("the key set is found by discovery, each time it is asked for", async () => {
  assert.deepEqual(await keySet(), { keys: [issuer.key.jwk] });
  assert.deepEqual(issuer.fetches, { discovery: 1, jwks: 1 });
  answerAt(issuer, "/moved", json({ keys: [] }));
  issuer.metadata.jwks_uri = `${issuer.issuer}/moved`;
  assert.deepEqual(await keySet(), { keys: [] });
});

test("a jwksUri of its own skips discovery", async () => {
  await keySetOf({ issuer: "https://gateway.example", jwksUri: `${issuer.issuer}/jwks` })();
  assert.deepEqual(issuer.fetches, { discovery: 0, jwks: 1 });
});

test("caches on the way are told to ask the issuer", async () => {
  let asked: string | undefined;
  issuer.routes.unshift(({ headers, url }) => {
    if (url === "/jwks") asked = headers["cache-control"];
    return false;
  });
  await keySet();
  assert.equal(asked, "no-cache");
});

test("metadata without a jwks_uri gives no keys", async () => {
  issuer.metadata.jwks_uri = undefined;
  await assert.rejects(keySet(), { code: "endpoint_missing", message: /has no jwks_uri\.$/ });
});

test("keys that are there, but on another origin without TLS, are not fetched", async () => {
  await using other = await FakeIssuer.start();
  issuer.metadata.jwks_uri = `${other.issuer}/jwks`;
  await assert.rejects(keySet(), { code: "endpoint_unsafe" });
  assert.equal(other.fetches.jwks, 0);
});

test("a set that is missing is told with its status", async () => {
  answerAt(issuer, "/jwks", json({}, 404));
  await assert.rejects(keySet(), { code: "issuer_unreadable", message: /jwks answers 404/ });
});

for (const [what, answer, code, says] of MISBEHAVIOURS) {
  test(`${what} where the keys are due is ${code}`, async () => {
    answerAt(issuer, "/elsewhere", json({ keys: [issuer.key.jwk] }));
    answerAt(issuer, "/jwks", answer);
    await assert.rejects(keySet(), { code, message: says });
  });
}

for (const [what, answer] of STALLS) {
  test(`${what} is given up after the time limit`, async () => {
    answerAt(issuer, "/jwks", answer);
    const jwksUri = `${issuer.issuer}/jwks`;
    await assert.rejects(keySetOf({ issuer: issuer.issuer, jwksUri, timeoutMs: IMPATIENT_MS })(), {
      code: "issuer_timed_out",
    });
  });
}

for (const settings of [
  { issuer: "http://id.example" },
  { issuer: "https://id.example", jwksUri: "http://id.example/jwks" },
  { issuer: "https://id.example", jwksUri: "nonsense" },
]) {
  test(`${JSON.stringify(settings)} is invalid_configuration, at once`, () => {
    assert.throws(() => keySetOf(settings), { code: "invalid_configuration" });
  });
}
