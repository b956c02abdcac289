import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { until } from "@portcullis/testing/end-to-end";
import type { RedisServer } from "@portcullis/testing/servers";
import { REDIRECT_URI, RESOURCE, startServer } from "../oidc/server-under-test.ts";
import { clientFor, PREFIX, redisForTest } from "./redis-under-test.ts";

async function serverOn(t: TestContext, redis: RedisServer) {
  const server = await startServer({
    change: (document) =>
      Object.assign(document, {
        redis: { connection: { kind: "single", host: "127.0.0.1", port: redis.port }, keyPrefix: PREFIX },
      }),
  });
  t.after(() => server.stop());
  return server;
}

/** Begins a sign-in; gives what opens its page again. */
async function begin(issuer: string) {
  const url = new URL(`${issuer}/authorize`);
  url.search = new URLSearchParams({
    client_id: "web",
    response_type: "code",
    redirect_uri: REDIRECT_URI,
    scope: "openid orders.read",
    resource: RESOURCE,
    code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    code_challenge_method: "S256",
  }).toString();
  const response = await fetch(url, { redirect: "manual" });
  const location = response.headers.get("location")!;
  const cookie = response.headers
    .getSetCookie()
    .map((text) => text.split(";", 1)[0])
    .join("; ");
  return () => fetch(new URL(location, issuer), { headers: { cookie, accept: "text/html" } });
}

const KEYS = `${PREFIX}:interaction:*`;

test("a sign-in that was begun is in Redis, and its page opens; without Redis it is in SQL", async (t) => {
  const redis = await redisForTest(t);
  const server = await serverOn(t, redis);
  const client = await clientFor(t, redis);
  await until(async () => (await client.clientList()).length > 1, { what: "the server's connection" });
  const rows = () =>
    server.server.storage.read
      .selectFrom("oidc_artefacts")
      .select("model")
      .where("model", "=", "Interaction")
      .execute();
  const open = await begin(server.issuer);
  assert.equal((await client.keys(KEYS)).length, 1);
  assert.deepEqual(await rows(), []);
  assert.equal((await open()).status, 200);

  await redis.kill();
  // Not "expired": nobody can say so while Redis is away.
  assert.equal((await open()).status, 503);
  const openWithout = await begin(server.issuer);
  assert.equal((await rows()).length, 1);
  assert.equal((await openWithout()).status, 200);
});

test("what somebody else put there opens no page", async (t) => {
  const redis = await redisForTest(t);
  const server = await serverOn(t, redis);
  const client = await clientFor(t, redis);
  await until(async () => (await client.clientList()).length > 1, { what: "the server's connection" });
  const [first, second] = [await begin(server.issuer), await begin(server.issuer)];
  const [one, other] = await client.keys(KEYS);
  // Even what this server sealed is good for the one sign-in alone.
  const [left, right] = [await client.get(one!), await client.get(other!)];
  await client.set(one!, right!);
  await client.set(other!, left!);
  assert.deepEqual([(await first()).status, (await second()).status], [400, 400]);
  assert.equal(server.server.redis!.damage.count("sign_ins"), 2);
});

test("a sign-in of 40 MB, or of another type, is taken away without being read", async (t) => {
  const redis = await redisForTest(t);
  const server = await serverOn(t, redis);
  const client = await clientFor(t, redis);
  await until(async () => (await client.clientList()).length > 1, { what: "the server's connection" });
  const huge = "x".repeat(40 * 1024 * 1024);
  for (const command of [
    ["SET", huge],
    ["LPUSH", "x"],
  ]) {
    const open = await begin(server.issuer);
    const [key] = await client.keys(KEYS);
    await client.del(key!);
    await client.sendCommand([command[0]!, key!, command[1]!]);
    assert.equal((await open()).status, 400);
    assert.deepEqual(await client.keys(KEYS), []);
  }
});
