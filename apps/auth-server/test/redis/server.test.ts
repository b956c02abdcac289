import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { type TestContext, test } from "node:test";
import { connect } from "@portcullis/guard";
import { encodeIdentifier, receiptSchema } from "@portcullis/protocol";
import { redisFeed, type SourceChange } from "@portcullis/revocation/redis";
import { patienceSignal } from "@portcullis/testing";
import { until } from "@portcullis/testing/end-to-end";
import { type RedisServer, startRedis } from "@portcullis/testing/servers";
import { createClient } from "@redis/client";
import { machineToken } from "../oidc/app.ts";
import { RESOURCE, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";
import { clientFor, FEED, PREFIX } from "./redis-under-test.ts";

const newIdentifier = () => encodeIdentifier(randomBytes(16));

async function serverOn(t: TestContext, redis: RedisServer): Promise<ServerUnderTest> {
  const server = await startServer({
    change: (document) =>
      Object.assign(document, {
        redis: {
          connection: { kind: "single", host: "127.0.0.1", port: redis.port },
          keyPrefix: PREFIX,
          plainKeys: true,
        },
      }),
  });
  t.after(() => server.stop());
  return server;
}

function verifierOf(t: TestContext, server: ServerUnderTest, redis: RedisServer) {
  const sources: SourceChange[] = [];
  const client = createClient({ url: redis.url });
  const guard = connect({
    issuer: server.issuer,
    audience: RESOURCE,
    clientId: "orders",
    clientSecret: "orders-secret-0123456789abcdef",
    name: "orders-1",
    feed: (http) =>
      redisFeed({ http, client, keyPrefix: PREFIX, onSource: (change) => sources.push(change) }),
  });
  t.after(() => guard.close());
  return { guard, sources, source: () => sources.at(-1)?.source };
}

async function revoke({ issuer }: ServerUnderTest, body: object) {
  const token = await machineToken(issuer, "admin", `${issuer}/api`, "revocations.write");
  const response = await fetch(`${issuer}/revocations`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", prefer: "wait=10" },
    body: JSON.stringify(body),
  });
  return receiptSchema.parse(await response.json());
}

const endSession = (server: ServerUnderTest) =>
  revoke(server, { scope: "session", key: newIdentifier(), reason: "kicked", foreign: true });

test("a verifier that reads Redis enforces what the server revokes, whatever becomes of Redis", async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const server = await serverOn(t, redis);
  await endSession(server);
  const { guard, source } = verifierOf(t, server, redis);
  await guard.whenReady(patienceSignal());
  await until(() => source() === "redis", { what: "the stream out of Redis" });
  assert.deepEqual(await stateAfter(endSession(server)), "enforced");

  const client = await clientFor(t, redis);
  await client.sendCommand(["FLUSHALL"]);
  assert.deepEqual(await stateAfter(endSession(server)), "enforced");
  redis.pause();
  assert.deepEqual(await stateAfter(endSession(server)), "enforced");
  redis.resume();
  await redis.kill();
  assert.deepEqual(await stateAfter(endSession(server)), "enforced");
  await redis.restart();
  await until(() => source() === "redis", { what: "the stream out of Redis again" });
  assert.deepEqual(await stateAfter(endSession(server)), "enforced");
});

test("a server starts without Redis, and publishes when there is one", async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  await redis.kill();
  const server = await serverOn(t, redis);
  const sid = newIdentifier();
  await revoke(server, { scope: "session", key: sid, reason: "kicked", foreign: true });
  await redis.restart();
  const client = await clientFor(t, redis);
  await until(async () => (await client.xLen(FEED)) === 1, { what: "the entry" });
  await until(async () => (await client.get(`revoked:sid:${sid}`)) === "kicked", { what: "the plain key" });
});

const stateAfter = async (receipt: ReturnType<typeof endSession>) => (await receipt).state;
