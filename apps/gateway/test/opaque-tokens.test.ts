/** Tokens for scripts at the gateway: who calls is known to the service, and the token is not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AUDIENCE, FakeIntrospection } from "@portcullis/testing";
import { valuesOf } from "./support/echo-upstream.ts";
import { RawClient } from "./support/raw-client.ts";
import { RawService } from "./support/raw-service.ts";
import { requestText, TestGateway, type TestGatewayOptions } from "./support/test-gateway.ts";

async function start(options: TestGatewayOptions = {}) {
  const gateway = await TestGateway.start(options);
  const introspection = new FakeIntrospection(gateway.issuer);
  const get = (target: string, token: string, fields: readonly string[] = []) =>
    gateway.get(target, [`Authorization: Bearer ${token}`, ...fields]);
  return {
    gateway,
    introspection,
    get,
    [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
  };
}

const claimsOf = (jwt: string) => JSON.parse(Buffer.from(jwt.split(".")[1]!, "base64url").toString());

test("a service learns who calls by the transaction token, and never sees the token of the script", async () => {
  await using world = await start({ settings: "accessLog: all" });
  const { gateway, introspection, get } = world;
  const token = introspection.issue({ sub: "user-7", jti: "token-7" });
  for (const target of ["/orders/7", "/public/7"]) assert.equal((await get(target, token)).status, 200);
  assert.doesNotMatch(gateway.upstream.bytes, /pcl_/);
  const answer = await get("/orders/7", token);
  const [transaction] = valuesOf(JSON.parse(answer.body).rawHeaders, "txn-token");
  assert.deepEqual([claimsOf(transaction!).sub, claimsOf(transaction!).scope], ["user-7", "orders.read"]);
  assert.deepEqual(
    gateway.log.named("request").map(({ token: id }) => id),
    ["token-7", undefined, "token-7"],
  );
  assert.doesNotMatch(JSON.stringify(gateway.log.events), /pcl_/);
  assert.equal(introspection.asked.length, 1);
});

test("a service with a guard of its own gets it where the route says so", async () => {
  await using world = await start({
    routes: [
      `- { name: guarded, path: /guarded, upstream: "$upstream", audience: "https://orders.example", forwardAuthorization: all }`,
    ],
  });
  const token = world.introspection.issue();
  const answer = await world.get("/guarded", token);
  assert.deepEqual(valuesOf(JSON.parse(answer.body).rawHeaders, "authorization"), [`Bearer ${token}`]);
});

test("a JWT still goes on to the service, as the route says", async () => {
  await using world = await start();
  const { gateway } = world;
  const answer = await gateway.get("/orders", [gateway.bearer()]);
  assert.equal(valuesOf(JSON.parse(answer.body).rawHeaders, "authorization").length, 1);
});

test("a token that is ended is 401 with its reason once the receipt says so, and nobody is asked", async () => {
  await using world = await start();
  const { gateway, introspection, get } = world;
  const token = introspection.issue();
  assert.equal((await get("/orders", token)).status, 200);
  await gateway.feed.revoke({ scope: "token", key: introspection.idOf(token), reason: "revoked" });
  const refused = await get("/orders", token);
  assert.equal(`${refused.status} ${refused.json().reason}`, "401 revoked");
  assert.equal(introspection.asked.length, 1);
});

test("a request under way is cut when its token is ended", async () => {
  await using service = await RawService.start();
  await using world = await start({
    routes: [`- { name: raw, path: /raw, upstream: "${service.origin}", audience: "${AUDIENCE}" }`],
  });
  const { gateway, introspection } = world;
  const token = introspection.issue();
  const client = await RawClient.connect(gateway.gateway.url);
  client.send(requestText("GET /raw/slow HTTP/1.1", [`Authorization: Bearer ${token}`]));
  await service.until(({ requests }) => requests.length === 1);
  await gateway.feed.revoke({ scope: "token", key: introspection.idOf(token), reason: "kicked" });
  const refused = await client.response();
  assert.equal(`${refused.status} ${refused.json().reason}`, "401 kicked");
  client.close();
});

test("a token that is bound to addresses is judged by the client that a trusted proxy names", async () => {
  await using world = await start({
    settings: "trustedProxies: { addresses: [127.0.0.1], header: x-forwarded-for }",
  });
  const { introspection, get } = world;
  const token = introspection.issue({ allowed_addresses: ["192.0.2.0/24"] });
  assert.equal((await get("/orders", token, ["X-Forwarded-For: 192.0.2.9"])).status, 200);
  for (const from of [[], ["X-Forwarded-For: 198.51.100.1"], ["X-Forwarded-For: 192.0.2.9, 198.51.100.1"]]) {
    const refused = await get("/orders", token, from);
    assert.equal(`${refused.status} ${refused.json().error}`, "403 access_denied");
  }
});

test("a client that leaves while its token is asked about takes the answer from nobody else", async () => {
  await using world = await start();
  const { gateway, introspection, get } = world;
  const token = introspection.issue();
  introspection.hold();
  const leaving = await RawClient.connect(gateway.gateway.url);
  leaving.send(requestText("GET /orders HTTP/1.1", [`Authorization: Bearer ${token}`]));
  while (introspection.asked.length === 0) await new Promise((next) => setImmediate(next));
  const staying = get("/orders", token);
  leaving.close();
  introspection.release();
  assert.equal((await staying).status, 200);
  assert.equal(introspection.asked.length, 1);
});

test("what cannot be asked about is 503 with Retry-After; a mistyped token is 401 and asks nobody", async () => {
  await using world = await start();
  const { introspection, get } = world;
  const token = introspection.issue();
  introspection.misbehave = (response) => response.writeHead(500).end();
  const unknown = await get("/orders", token);
  assert.deepEqual([unknown.status, unknown.headers["retry-after"]], [503, "1"]);
  const asked = introspection.asked.length;
  assert.equal((await get("/orders", `${token.slice(0, -1)}!`)).status, 401);
  assert.equal(introspection.asked.length, asked);
});

const ONLINE = `- { name: orders, path: /orders, upstream: "$upstream", audience: "${AUDIENCE}", freshness: { policy: online } }`;

test("an online route goes on without the feed, refuses the dead, and is 503 when the issuer is gone too", async () => {
  await using world = await start({ routes: [ONLINE] });
  const { gateway, introspection } = world;
  const [good, dead] = [gateway.issuer.mint(), gateway.issuer.mint()];
  const get = async (token: string) => {
    const answer = await gateway.get("/orders", [`Authorization: Bearer ${token}`]);
    return answer.status === 200 ? "200" : `${answer.status} ${answer.json().reason ?? answer.json().error}`;
  };
  assert.deepEqual([await get(good), introspection.asked.length], ["200", 0]);
  introspection.tokens.set(good, { active: true });
  introspection.tokens.set(dead, { active: false, reason: "logged_out" });
  gateway.feed.cutOff();
  // A minute passes, on both clocks: the lease is long over.
  gateway.clock.jump(60_000);
  gateway.clock.aheadSeconds = 60;
  assert.equal(await get(good), "200");
  assert.equal(await get(dead), "401 logged_out");
  introspection.misbehave = (response) => response.destroy();
  assert.equal(await get(good), "503 temporarily_unavailable");
});

test("metrics and status say what was asked", async () => {
  await using world = await start();
  const { gateway, introspection, get } = world;
  const token = introspection.issue();
  await get("/orders", token);
  await get("/orders", token);
  await get("/orders", `${token.slice(0, -1)}!`);
  const { text } = await gateway.management("/metrics");
  for (const [outcome, count] of [
    ["active", 1],
    ["kept", 1],
    ["malformed", 1],
    ["turned_away", 0],
  ])
    assert.match(
      text,
      new RegExp(`^portcullis_gateway_introspections_total\\{outcome="${outcome}"\\} ${count}$`, "m"),
    );
  assert.equal(JSON.parse((await gateway.management("/status")).text).introspection.active, 1);
});

for (const [routes, level] of [
  [[ONLINE], "warn"],
  [undefined, "info"],
] as const) {
  test(`a gateway whose client lacks an API says so at the start, as ${level}`, async () => {
    await using world = await start({ notIntrospected: [AUDIENCE], ...(routes && { routes }) });
    const { log } = world.gateway;
    while (log.named("apis_not_introspected").length === 0) await new Promise((next) => setImmediate(next));
    const [told] = log.named("apis_not_introspected");
    assert.deepEqual([told!.level, told!.client, told!.apis], [level, "gateway", [AUDIENCE]]);
  });
}
