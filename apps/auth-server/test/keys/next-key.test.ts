/** The key that is next is published long before it signs, so that nobody's verifier is surprised by it. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import {
  KEY_KNOWN_AFTER_SECONDS,
  keyListSchema,
  keyRetirementAnswerSchema,
  type RotatedKey,
  rotatedKeySchema,
} from "@portcullis/protocol";
import { type Exchange, exchange, json } from "@portcullis/testing/end-to-end";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { introspect, machineToken, ok, refresh, revokeByApi, signIn } from "../oidc/app.ts";
import { RESOURCE, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";
import { apiToken, forge, kidOf, stealKey, useApi } from "./stolen-key.ts";

let server: ServerUnderTest;
beforeEach(async () => {
  server = await startServer();
});
afterEach(() => server.stop());

const audience = (): string => `${server.issuer}/api`;
const serviceToken = () => machineToken(server.issuer, "service", RESOURCE, "orders.read");

async function jwks(): Promise<string[]> {
  const { keys } = json<{ keys: { kid: string }[] }>(await exchange(`${server.issuer}/jwks`));
  return keys.map(({ kid }) => kid);
}

async function callKeys(path: string, method: "GET" | "POST" = "POST"): Promise<Exchange> {
  const accessToken = await machineToken(server.issuer, "admin", audience(), "keys.read keys.write");
  return exchange(`${server.issuer}/api/v1/keys${path}`, {
    method,
    headers: { authorization: `Bearer ${accessToken}` },
  });
}

async function keys() {
  const { items } = keyListSchema.parse(json(await callKeys("", "GET")));
  return items.map(({ kid, status }) => [kid, status]);
}

async function rotate(): Promise<RotatedKey> {
  const answer = await callKeys("/rotate");
  assert.equal(answer.status, 200, answer.body);
  return rotatedKeySchema.parse(json(answer));
}

async function retire(kid: string) {
  const answer = await callKeys(`/${kid}/retire`);
  assert.equal(answer.status, 200, answer.body);
  return keyRetirementAnswerSchema.parse(json(answer));
}

/** A service with somebody else's library, as it comes, that has fetched the keys just now. */
async function verifierOfOthers() {
  const keySet = createRemoteJWKSet(new URL(`${server.issuer}/jwks`));
  await keySet.reload();
  const fetched = keySet.jwks();
  return {
    async verify(jwt: string): Promise<void> {
      await jwtVerify(jwt, keySet, { issuer: server.issuer });
      assert.deepEqual(keySet.jwks(), fetched, "with the keys of before, and not because it asked again");
    },
  };
}

describe("the next key", () => {
  it("is made with the first one and published at once, and signs nothing", async () => {
    const [active, next, ...more] = await jwks();
    assert.deepEqual(more, []);
    assert.deepEqual(await keys(), [
      [active, "active"],
      [next, "next"],
    ]);
    const { items } = keyListSchema.parse(json(await callKeys("", "GET")));
    assert.deepEqual(
      items.map(({ createdAt, publishedSince }) => createdAt === publishedSince),
      [true, true],
    );
    const device = await signIn(server);
    assert.deepEqual([kidOf(device.access_token), kidOf(device.id_token)], [active, active]);
    assert.equal(kidOf(await serviceToken()), active);
  });

  it("signs after a rotation, and its own successor is published with it", async () => {
    const [active, next] = await jwks();
    const rotated = await rotate();
    assert.equal(rotated.kid, next);
    assert.equal(kidOf(await serviceToken()), next);
    assert.deepEqual(await keys(), [
      [next, "active"],
      [rotated.next, "next"],
      [active, "retiring"],
    ]);
    assert.deepEqual(await jwks(), [next, rotated.next, active]);
  });

  it("stays next when the server is started again", async () => {
    await rotate();
    const before = await keys();
    await server.restart();
    assert.deepEqual(await keys(), before);
  });

  it("is made in a database that has none, as an older version left it, and the key that signs stays", async () => {
    const [active] = await jwks();
    await server.server.storage.write(({ db }) =>
      db.deleteFrom("oidc_signing_keys").where("status", "=", "next").execute(),
    );
    await server.restart();
    const [signing, next, ...more] = await jwks();
    assert.deepEqual([signing, more], [active, []]);
    assert.equal(server.logged("next_signing_key_made").at(-1)?.key, next?.slice(0, 8));
    assert.deepEqual(server.logged("signing_key_replaced"), []);
    assert.equal(kidOf(await serviceToken()), active);
  });

  it("is one, and one signs, whatever is done at once", async () => {
    const [active, next] = await jwks();
    const { ring, revocations } = server.server;
    const kill = (key: string) =>
      revocations.revoker.revoke({ scope: "key", key, mode: "kill", reason: "key_retired" });
    await Promise.all([ring.rotate(), kill(active!), ring.rotate(), kill(next!), ring.rotate()]);
    const statuses = (await keys()).map(([, status]) => status);
    assert.deepEqual(statuses.slice(0, 2), ["active", "next"]);
    assert.ok(statuses.slice(2).every((status) => status === "retiring" || status === "retired"));
  });
});

describe("a verifier of others, with its library's defaults, that has just fetched the keys", () => {
  it("refuses no good token after a rotation", async () => {
    const device = await signIn(server);
    const before = await serviceToken();
    const verifier = await verifierOfOthers();
    await rotate();
    const refreshed = ok(await refresh(server.issuer, device.refresh_token));
    const after = [await serviceToken(), refreshed.access_token, refreshed.id_token];
    for (const jwt of [before, device.id_token, ...after]) await verifier.verify(jwt);
    assert.ok(after.every((jwt) => kidOf(jwt) !== kidOf(before)));
  });

  it("refuses none of several rotations in a row", async () => {
    const tokens = [await serviceToken()];
    for (let rotation = 0; rotation < 4; rotation++) {
      const verifier = await verifierOfOthers();
      await rotate();
      tokens.push(await serviceToken());
      for (const jwt of tokens) await verifier.verify(jwt);
    }
    assert.equal(new Set(tokens.map(kidOf)).size, 5);
  });

  for (const way of ["keys/{kid}/retire", "POST /revocations"]) {
    it(`refuses after an emergency by ${way} no token of another key, be it the successor's or an older one's`, async () => {
      const device = await signIn(server);
      const older = await serviceToken();
      await rotate();
      const [active, next] = await jwks();
      const verifier = await verifierOfOthers();
      if (way === "POST /revocations") {
        assert.equal((await revokeByApi(server, { scope: "key", key: active })).status, 200);
      } else assert.equal((await retire(active!)).signing.kid, next);
      const refreshed = ok(await refresh(server.issuer, device.refresh_token));
      for (const jwt of [await serviceToken(), refreshed.access_token, refreshed.id_token]) {
        assert.equal(kidOf(jwt), next);
        await verifier.verify(jwt);
      }
      await verifier.verify(older);
      assert.equal((await introspect(server.issuer, "orders", older)).active, true);
      assert.equal((await useApi(server.issuer, await apiToken(server.issuer, audience()))).status, 200);
      const [signing, successor, ...more] = await jwks();
      assert.deepEqual([signing, more], [next, [kidOf(older)]]);
      assert.ok(![active, next].includes(successor));
    });
  }
});

describe("a next key that is younger than verifiers of others are slow", () => {
  const settle = (): void => server.advance(KEY_KNOWN_AFTER_SECONDS * 1000);

  it("signs when a rotation asks for it, and the answer and the log say what that means", async () => {
    const { warning } = await rotate();
    assert.equal(warning?.code, "recently_published");
    assert.match(warning!.text, /published only \d+ seconds? ago: verifiers of others may refuse its tokens/);
    const [rotated] = server.logged("signing_key_rotated");
    assert.deepEqual([rotated?.level, rotated?.warning], ["warn", "recently_published"]);
    server.advance(19.5 * 60 * 1000);
    const later = (await rotate()).warning;
    assert.match(later!.text, /published only 19 minutes ago: /, "nobody counts so many seconds");
  });

  it("is told of no more once it has been published for long, and its successor is", async () => {
    settle();
    assert.equal("warning" in (await rotate()), false);
    const [rotated] = server.logged("signing_key_rotated");
    assert.deepEqual([rotated?.level, rotated?.warning], ["info", undefined]);
    assert.equal((await rotate()).warning?.code, "recently_published");
    settle();
    assert.equal("warning" in (await rotate()), false);
  });

  it("is told of at a retirement, too, and for a plain revocation in the log", async () => {
    const [active, next] = await jwks();
    settle();
    assert.equal("warning" in (await retire(active!)).signing, false);
    assert.equal((await retire(next!)).signing.warning?.code, "recently_published");
    assert.equal((await revokeByApi(server, { scope: "key", key: (await jwks())[0]! })).status, 200);
    const lines = server.logged("signing_key_succeeded");
    assert.deepEqual(
      lines.map(({ level, warning }) => [level, warning]),
      [
        ["info", undefined],
        ["warn", "recently_published"],
        ["warn", "recently_published"],
      ],
    );
  });
});

describe("a next key that somebody has stolen", () => {
  const forgeWith = (key: Awaited<ReturnType<typeof stealKey>>) =>
    forge(key, { issuer: server.issuer, audience: audience(), nowSeconds: Date.now() / 1000 });
  const forOrders = (key: Awaited<ReturnType<typeof stealKey>>) =>
    forge(key, { issuer: server.issuer, audience: RESOURCE, nowSeconds: Date.now() / 1000 });

  it("makes what verifiers believe, as every published key does, until it is retired: then nothing", async () => {
    const [active] = await jwks();
    const stolen = await stealKey(server, "next");
    assert.equal((await useApi(server.issuer, await forgeWith(stolen))).status, 200);

    const receipt = await retire(stolen.kid);
    assert.deepEqual([receipt.state, receipt.signing.kid], ["enforced", active]);
    assert.ok(server.server.revocations.local.isKeyRevoked(stolen.kid), "in the log, for every verifier");
    assert.equal(await server.server.revocations.isRefusedForGood("key", stolen.kid), true);
    assert.equal((await useApi(server.issuer, await forgeWith(stolen))).status, 401);
    assert.equal((await introspect(server.issuer, "orders", await forOrders(stolen))).active, false);
    const [signing, next, ...more] = await jwks();
    assert.deepEqual([signing, more], [active, []]);
    assert.notEqual(next, stolen.kid);
    assert.equal(kidOf(await serviceToken()), active);
    assert.equal((await rotate()).kid, next, "it never signs");
  });

  for (const order of [
    ["active", "next"],
    ["next", "active"],
  ] as const) {
    it(`leaves nothing to a thief of both, when first the ${order[0]} and then the ${order[1]} one is retired`, async () => {
      const stolen = [await stealKey(server, order[0]), await stealKey(server, order[1])];
      for (const { kid } of stolen) await retire(kid);
      for (const key of stolen) assert.equal((await useApi(server.issuer, await forgeWith(key))).status, 401);
      const published = await jwks();
      assert.equal(published.length, 2);
      for (const { kid } of stolen) assert.ok(!published.includes(kid));
      assert.equal(kidOf(await serviceToken()), published[0]);
      assert.equal((await useApi(server.issuer, await apiToken(server.issuer, audience()))).status, 200);
    });
  }
});
