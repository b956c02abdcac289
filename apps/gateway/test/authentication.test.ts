import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import { createTransactionTokenVerifier, remoteKeySource } from "@portcullis/access-token";
import { keySetOf } from "@portcullis/issuer";
import { newIdentifier, spellingsOf } from "@portcullis/testing";
import { valuesOf } from "./support/echo-upstream.ts";
import { GATEWAY_ISSUER, TestGateway, TRUST_DOMAIN } from "./support/test-gateway.ts";

test("a good token gets the service's answer; none, a wrong one or one for another API does not", async () => {
  await using gateway = await TestGateway.start();
  assert.equal((await gateway.get("/orders", [gateway.bearer()])).status, 200);
  const none = await gateway.get("/orders");
  assert.equal(none.status, 401);
  assert.match(none.headers["www-authenticate"]!, /^Bearer realm=/);
  const nonsense = await gateway.get("/orders", ["Authorization: Bearer nonsense"]);
  assert.equal(`${nonsense.status} ${nonsense.json().error}`, "401 invalid_token");
  assert.equal(
    (await gateway.get("/orders", [gateway.bearer({ aud: "https://other.example" })])).status,
    401,
  );
  const narrow = await gateway.get("/orders", [gateway.bearer({ scope: "other" })]);
  assert.equal(`${narrow.status} ${narrow.json().error}`, "403 insufficient_scope");
  assert.equal(gateway.upstream.requests, 1);
});

test("the service can verify the transaction token with the published keys", async () => {
  await using gateway = await TestGateway.start();
  const response = await gateway.get("/orders/7", [gateway.bearer({ sub: "user-7" })]);
  const [token] = valuesOf(JSON.parse(response.body).rawHeaders, "txn-token");
  const verifier = createTransactionTokenVerifier({
    issuer: GATEWAY_ISSUER,
    audience: TRUST_DOMAIN,
    keys: remoteKeySource({
      fetchKeySet: keySetOf({
        issuer: GATEWAY_ISSUER,
        jwksUri: `${gateway.gateway.url}/.well-known/jwks.json`,
        allowInsecureRequests: true,
      }),
    }),
  });
  const verified = await verifier.verify(token!);
  assert.equal(verified.subject, "user-7");
  assert.ok(verified.scopes.has("orders.read"));
});

test("a revoked token is refused with the reason, in header and body, and the service is not asked", async () => {
  await using gateway = await TestGateway.start();
  const sid = newIdentifier();
  const bearer = gateway.bearer({ sid });
  assert.equal((await gateway.get("/orders", [bearer])).status, 200);
  await gateway.feed.revoke({ scope: "session", key: sid, reason: "logged_out" });
  const asked = gateway.upstream.requests;
  for (const target of ["/orders", "/catalogue"]) {
    const response = await gateway.get(target, [bearer]);
    assert.equal(response.status, 401);
    const { error, reason, mode } = response.json();
    assert.deepEqual({ error, reason, mode }, { error: "invalid_token", reason: "logged_out", mode: "kill" });
    assert.match(response.headers["www-authenticate"]!, /reason="logged_out"/);
  }
  assert.equal(gateway.upstream.requests, asked);
});

test("another spelling of a revoked token is refused as well", async () => {
  await using gateway = await TestGateway.start();
  const sid = newIdentifier();
  const jwt = gateway.issuer.mint({ sid });
  assert.equal((await gateway.get("/orders", [`Authorization: Bearer ${jwt}`])).status, 200);
  await gateway.feed.revoke({ scope: "session", key: sid });
  for (const { name, token } of spellingsOf(jwt)) {
    const { status } = await gateway.get("/orders", [`Authorization: Bearer ${token}`]);
    assert.ok(status === 400 || status === 401, `${name}: ${status}`);
  }
});

/** Holds the service's answer back until it is told to give it. */
function heldAnswers(gateway: TestGateway): { asked: Promise<ServerResponse> } {
  const { promise, resolve } = Promise.withResolvers<ServerResponse>();
  gateway.upstream.handler = (_request, response) => resolve(response);
  return { asked: promise };
}

test("a token revoked while the service works gets 401 and not the service's answer", async () => {
  await using gateway = await TestGateway.start();
  const sid = newIdentifier();
  const { asked } = heldAnswers(gateway);
  const answer = gateway.get("/orders", [gateway.bearer({ sid })]);
  const service = await asked;
  await gateway.feed.revoke({ scope: "session", key: sid, reason: "kicked" });
  service.on("error", () => {});
  service.end("secret of the service");
  const response = await answer;
  assert.equal(`${response.status} ${response.json().reason}`, "401 kicked");
  assert.ok(!response.body.includes("secret of the service"));
});

test("a gateway that wakes after its lease ran out answers 503, not what the service said meanwhile", async () => {
  await using gateway = await TestGateway.start();
  const { asked } = heldAnswers(gateway);
  const answer = gateway.get("/orders", [gateway.bearer()]);
  const service = await asked;
  gateway.feed.cutOff();
  gateway.clock.jump(60_000);
  service.on("error", () => {});
  service.end("too late");
  const response = await answer;
  assert.equal(`${response.status} ${response.json().error}`, "503 temporarily_unavailable");
  assert.ok(Number(response.headers["retry-after"]) >= 1);
});

test("cut off from the feed, a closed route answers 503 and an open one allows and counts", async () => {
  await using gateway = await TestGateway.start();
  const bearer = gateway.bearer();
  gateway.feed.cutOff();
  // A minute passes, by the one clock and by the other.
  gateway.clock.jump(60_000);
  gateway.clock.aheadSeconds += 60;
  assert.equal((await gateway.get("/orders", [bearer])).status, 503);
  assert.equal((await gateway.get("/catalogue", [bearer])).status, 200);
  assert.equal(gateway.guard.counters.unconfirmed, 1);
});

test("a clock that is set wrong lets nobody in, not even on an open route, and is called an outage", async () => {
  await using gateway = await TestGateway.start();
  const bearer = gateway.bearer();
  assert.equal((await gateway.get("/catalogue", [bearer])).status, 200);
  gateway.clock.aheadSeconds -= 320;
  for (const path of ["/orders", "/catalogue"]) {
    const refused = await gateway.get(path, [bearer]);
    assert.equal(refused.status, 503, path);
    assert.ok(Number(refused.headers["retry-after"]) >= 1);
  }
  const metrics = (await gateway.management("/metrics")).text;
  assert.match(metrics, /^portcullis_gateway_clock_off 1$/m);
  assert.match(metrics, /^portcullis_gateway_clock_offset_seconds -3(19|20|21)/m);
  gateway.clock.aheadSeconds += 320;
  assert.equal((await gateway.get("/orders", [bearer])).status, 200);
});

test("a public route asks for no token, forwards none of ours, and still needs a ready gateway", async () => {
  await using gateway = await TestGateway.start({ isReadyFirst: false });
  const early = await gateway.get("/public");
  if (early.status !== 200) assert.equal(`${early.status} ${early.headers["retry-after"]}`, "503 1");
  await gateway.guard.whenReady();
  const response = await gateway.get("/public");
  assert.deepEqual(valuesOf(JSON.parse(response.body).rawHeaders, "txn-token"), []);
});
