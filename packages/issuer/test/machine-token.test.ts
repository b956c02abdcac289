import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { FakeIssuer, FrozenClock } from "@portcullis/testing";
import { apiResourceOf, discoverIssuer, MachineToken, type MachineTokenOptions } from "../src/index.ts";
import { type Answer, IMPATIENT_MS, json, MISBEHAVIOURS, STALLS } from "./misbehaving-issuer.ts";

const CLIENT = { clientId: "orders:1", clientSecret: "secret/%&+" };
/** RFC 6749, section 2.3.1: both halves are form-encoded before they are joined. */
const BASIC = `Basic ${Buffer.from("orders%3A1:secret%2F%25%26%2B").toString("base64")}`;

let issuer: FakeIssuer;
let clock: FrozenClock;
/** What the token endpoint was asked with. */
let asked: { authorization: string | undefined; form: Record<string, string> }[];
/** How it answers. */
let answer: Answer;
beforeEach(async () => {
  issuer = await FakeIssuer.start();
  clock = new FrozenClock();
  asked = [];
  answer = (response) =>
    json({ access_token: `token-${asked.length}`, token_type: "Bearer", expires_in: 300 })(response);
  Object.assign(issuer.metadata, {
    token_endpoint: `${issuer.issuer}/token`,
    portcullis_api_resource: "urn:api",
  });
  issuer.routes.push(async (request, response) => {
    if (request.url !== "/token") return false;
    let text = "";
    for await (const chunk of request) text += chunk;
    asked.push({
      authorization: request.headers.authorization,
      form: Object.fromEntries(new URLSearchParams(text)),
    });
    answer(response);
    return true;
  });
});
afterEach(() => issuer[Symbol.asyncDispose]());

function machineToken(options: Partial<MachineTokenOptions> = {}): MachineToken {
  return new MachineToken({
    issuer: issuer.issuer,
    ...CLIENT,
    scopes: ["a.read", "b.read"],
    discovered: () => discoverIssuer({ issuer: issuer.issuer }),
    resource: apiResourceOf,
    clock,
    ...options,
  });
}

test("it asks by client credentials, for one resource and its scopes", async () => {
  assert.equal(await machineToken().authorization(), "Bearer token-1");
  const form = { grant_type: "client_credentials", resource: "urn:api", scope: "a.read b.read" };
  assert.deepEqual(asked, [{ authorization: BASIC, form }]);
});

test("a token is used until shortly before its end, and a short one for half its life", async () => {
  for (const [seconds, goodForMs] of [
    [300, 270_000],
    [20, 10_000],
    [undefined, 30_000],
  ] as const) {
    answer = (response) =>
      json({ access_token: `token-${asked.length}`, token_type: "bearer", expires_in: seconds })(response);
    const token = machineToken();
    const first = await token.authorization();
    clock.advance(goodForMs - 1);
    assert.equal(await token.authorization(), first);
    clock.advance(1);
    assert.notEqual(await token.authorization(), first);
  }
});

test("all who ask at once share one request, and the next after it too", async () => {
  const token = machineToken();
  const given = await Promise.all(Array.from({ length: 50 }, () => token.authorization()));
  assert.deepEqual(new Set(given), new Set(["Bearer token-1"]));
  assert.equal(await token.authorization(), "Bearer token-1");
  assert.equal(asked.length, 1);
});

test("a token that was refused is replaced", async () => {
  const token = machineToken();
  await token.authorization();
  assert.equal(await token.authorization({ refresh: true }), "Bearer token-2");
  assert.equal(await token.authorization(), "Bearer token-2");
});

test("a secret that was rotated is told of, and works again when the issuer has it, without a restart", async () => {
  const token = machineToken();
  await token.authorization();
  const good = answer;
  answer = (response) => {
    response.setHeader("www-authenticate", 'Basic realm="issuer", error="invalid_client"');
    json({ error: "invalid_client" }, 401)(response);
  };
  await assert.rejects(token.authorization({ refresh: true }), {
    code: "client_not_accepted",
    message: new RegExp(`^${issuer.issuer} does not accept the client orders:1 with this secret`),
  });
  answer = good;
  assert.equal(await token.authorization(), "Bearer token-3");
});

for (const [what, body, status, code, says] of [
  ["a client that is refused with 400", { error: "invalid_client" }, 400, "client_not_accepted", /orders:1/],
  [
    "a scope that it may not have",
    { error: "invalid_scope" },
    400,
    "scope_not_granted",
    /a\.read and b\.read at/,
  ],
  [
    "an API that it may not ask",
    { error: "invalid_target" },
    400,
    "scope_not_granted",
    /to the apis of the app, for urn:api: portcullis apps update/,
  ],
  [
    "another refusal",
    { error: "unauthorized_client", error_description: "not\nallowed" },
    400,
    "token_refused",
    /no token: unauthorized_client: not\?allowed\./,
  ],
  [
    "a refusal with much to say",
    { error: "unauthorized_client", error_description: "x".repeat(200_000) },
    400,
    "token_refused",
    /no token: unauthorized_client: x{150,200}\.\.\.\.$/,
  ],
  ["an answer without a token", { token_type: "bearer" }, 200, "token_refused", /an answer that is no token/],
  ["a token of another type", { access_token: "t", token_type: "mac" }, 200, "token_refused", /no token/],
  [
    "a token that lacks a scope",
    { access_token: "t", token_type: "bearer", scope: "x a.read" },
    200,
    "scope_not_granted",
    /lacks the scope b\.read at/,
  ],
] as const) {
  test(`${what} is ${code}, and the next call asks again`, async () => {
    answer = json(body, status);
    const token = machineToken();
    for (const count of [1, 2]) {
      await assert.rejects(token.authorization(), { code, message: says });
      assert.equal(asked.length, count);
    }
  });
}

test("a resource that the issuer names at length is told shortly", async () => {
  issuer.metadata.portcullis_api_resource = `urn:${"x".repeat(200_000)}`;
  answer = json({ error: "invalid_target" }, 400);
  await assert.rejects(machineToken().authorization(), {
    code: "scope_not_granted",
    message: /for urn:x{150,200}\.\.\.: portcullis apps update/,
  });
});

for (const [what, misbehave, code, says] of MISBEHAVIOURS) {
  test(`${what} where a token is due is ${code}, and says nothing of the secret`, async () => {
    answer = misbehave;
    await assert.rejects(machineToken().authorization(), (error: Error & { code: string }) => {
      assert.equal(error.code, code);
      assert.match(error.message, says);
      assert.ok(!error.message.includes("secret/") && !error.message.includes(BASIC));
      return true;
    });
  });
}

for (const [what, stall] of STALLS) {
  test(`${what} is given up after the time limit`, async () => {
    answer = stall;
    await assert.rejects(machineToken({ timeoutMs: IMPATIENT_MS }).authorization(), {
      code: "issuer_timed_out",
    });
  });
}

test("the secret is not sent to another host without TLS, nor along a redirect", async () => {
  await using other = await FakeIssuer.start();
  const taken: (string | undefined)[] = [];
  other.routes.push((request) => taken.push(request.url) === 0);
  answer = (response) => response.writeHead(307, { location: `${other.issuer}/token` }).end();
  await assert.rejects(machineToken().authorization(), { code: "issuer_unreadable" });
  issuer.metadata.token_endpoint = `${other.issuer}/token`;
  await assert.rejects(machineToken().authorization(), { code: "endpoint_unsafe" });
  assert.deepEqual(taken, []);
});

test("an issuer that was down is asked again by the next who needs a token", async () => {
  const token = machineToken();
  await issuer.stop();
  await assert.rejects(token.authorization(), { code: "issuer_unreachable" });
  await issuer.startAgain();
  assert.equal(await token.authorization(), "Bearer token-1");
});

test("a secret of any characters arrives as it is", async () => {
  const clientSecret = "ä \u{1f511} ~'()*!:%&+=";
  await machineToken({ clientSecret }).authorization();
  const sent = Buffer.from(asked[0]!.authorization!.slice(6), "base64").toString().split(":");
  assert.equal(new URLSearchParams(`s=${sent[1]}`).get("s"), clientSecret);
});
