import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { CLIENT_ADDRESS_HEADER } from "@portcullis/protocol";
import { FakeIssuer } from "@portcullis/testing";
import { discoverIssuer, type IntrospectionSettings, introspectionOf } from "../src/index.ts";
import { type Answer, answerAt, IMPATIENT_MS, json, MISBEHAVIOURS, STALLS } from "./misbehaving-issuer.ts";

const CLIENT = { clientId: "orders:1", clientSecret: "secret/%&+" };
/** RFC 6749, section 2.3.1: both halves are form-encoded before they are joined. */
const BASIC = `Basic ${Buffer.from("orders%3A1:secret%2F%25%26%2B").toString("base64")}`;

let issuer: FakeIssuer;
beforeEach(async () => {
  issuer = await FakeIssuer.start();
  issuer.metadata.introspection_endpoint = `${issuer.issuer}/introspect`;
});
afterEach(() => issuer[Symbol.asyncDispose]());

const asking = (settings: Partial<IntrospectionSettings> = {}) =>
  introspectionOf({
    issuer: issuer.issuer,
    ...CLIENT,
    discovered: () => discoverIssuer({ issuer: issuer.issuer }),
    ...settings,
  });

test("it asks with the client's secret, and says what the issuer says", async () => {
  const asked: object[] = [];
  issuer.routes.push(async (request, response) => {
    if (request.url !== "/introspect") return false;
    let text = "";
    for await (const chunk of request) text += chunk;
    asked.push({
      method: request.method,
      authorization: request.headers.authorization,
      from: request.headers[CLIENT_ADDRESS_HEADER],
      form: Object.fromEntries(new URLSearchParams(text)),
    });
    response.setHeader("portcullis-introspects", "https://a.example urn:b");
    json({ active: true, sub: "user-1" })(response);
    return true;
  });
  assert.deepEqual(await asking()("a token", "192.0.2.7"), {
    claims: { active: true, sub: "user-1" },
    introspects: ["https://a.example", "urn:b"],
  });
  assert.deepEqual(asked, [
    { method: "POST", authorization: BASIC, from: "192.0.2.7", form: { token: "a token" } },
  ]);
});

for (const [what, address, sent] of [
  ["a text", "x".repeat(20_000), undefined],
  ["an address with a zone that is a text", `fe80::1%${"x".repeat(20_000)}`, "fe80::1"],
  ["what is no value of a header", "192.0.2.7\r\nx: y", undefined],
] as const) {
  test(`${what} in the place of an address spoils no question`, async () => {
    const asked: unknown[] = [];
    issuer.routes.push(async (request, response) => {
      if (request.url !== "/introspect") return false;
      asked.push(request.headers[CLIENT_ADDRESS_HEADER]);
      json({ active: false })(response);
      return true;
    });
    assert.deepEqual((await asking()("a token", address)).claims, { active: false });
    assert.deepEqual(asked, [sent]);
  });
}

for (const [value, introspects] of [
  ["any", "any"],
  ["none", []],
  [undefined, undefined],
] as const) {
  test(`an issuer that says ${value} of what the client may ask about is understood`, async () => {
    answerAt(issuer, "/introspect", (response) => {
      if (value !== undefined) response.setHeader("portcullis-introspects", value);
      json({ active: false })(response);
    });
    assert.deepEqual(await asking()("t"), { claims: { active: false }, introspects });
  });
}

const REFUSALS: readonly (readonly [what: string, answer: Answer, code: string, says: RegExp])[] = [
  [
    "a secret that is wrong",
    json({ error: "invalid_client" }, 401),
    "client_not_accepted",
    /the client orders:1/,
  ],
  ["401 without a word", (response) => response.writeHead(401).end(), "client_not_accepted", /orders:1/],
  [
    "a client that may not ask",
    json({ error: "unauthorized_client" }, 400),
    "introspection_refused",
    /orders:1 about tokens: unauthorized_client/,
  ],
  ["403 without a word", (response) => response.writeHead(403).end(), "introspection_refused", /orders:1/],
  ["an answer without active", json({ sub: "user-1" }), "issuer_unreadable", /RFC 7662/],
  ["an answer whose active is a text", json({ active: "true" }), "issuer_unreadable", /RFC 7662/],
];
for (const [what, answer, code, message] of [...REFUSALS, ...MISBEHAVIOURS]) {
  test(`${what} is ${code}, and never names the token`, async () => {
    answerAt(issuer, "/introspect", answer);
    await assert.rejects(asking()("a-token-of-somebody"), (error: Error & { code: string }) => {
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /a-token-of-somebody/);
      return true;
    });
  });
}

for (const [what, answer] of STALLS) {
  test(`${what} is given up after the time limit`, async () => {
    answerAt(issuer, "/introspect", answer);
    await assert.rejects(asking({ timeoutMs: IMPATIENT_MS })("t"), { code: "issuer_timed_out" });
  });
}

test("an issuer without an introspection endpoint is asked nothing", async () => {
  delete issuer.metadata.introspection_endpoint;
  await assert.rejects(asking()("t"), { code: "endpoint_missing" });
});

test("the secret is not sent to another host in the clear", async () => {
  issuer.metadata.introspection_endpoint = "http://elsewhere.example/introspect";
  await assert.rejects(asking()("t"), { code: "endpoint_unsafe" });
});
