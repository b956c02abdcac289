import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { exchange, json } from "@portcullis/testing/end-to-end";
import { pruneExpired } from "../../src/revocations/retention/prune.ts";
import { introspect, ok, refresh, revokeByApi, signIn } from "../oidc/app.ts";
import { RESOURCE, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";
import { apiToken, forge, kidOf, stealKey, useApi } from "./stolen-key.ts";

const TWO_DAYS_MS = 2 * 24 * 60 * 60 * 1000;

let server: ServerUnderTest;
afterEach(() => server.stop());

const now = (aheadMs = 0): number => (Date.now() + aheadMs) / 1000;
const audience = (): string => `${server.issuer}/api`;

async function jwks(): Promise<string[]> {
  const { keys } = json<{ keys: { kid: string }[] }>(await exchange(`${server.issuer}/jwks`));
  return keys.map(({ kid }) => kid);
}

async function revokeKey(kid: string): Promise<void> {
  const answer = await revokeByApi(server, { scope: "key", key: kid });
  assert.equal(answer.status, 200, answer.body);
}

describe("a signing key that is revoked", () => {
  it("has a successor before the call returns, which signs what the API and everybody accept", async () => {
    server = await startServer();
    const device = await signIn(server);
    const key = await stealKey(server);
    const old = await apiToken(server.issuer, audience());
    await revokeKey(key.kid);

    const refused = await useApi(server.issuer, old);
    assert.deepEqual([refused.status, json(refused).reason], [401, "revoked"]);
    assert.equal((await exchange(`${server.issuer}/jwks`)).headers["cache-control"], "no-cache");
    const published = await jwks();
    assert.ok(!published.includes(key.kid), "the key has left the JWKS");
    const accessToken = await apiToken(server.issuer, audience());
    assert.deepEqual([published[0], published.length], [kidOf(accessToken), 2]);
    assert.equal((await useApi(server.issuer, accessToken)).status, 200);
    const next = ok(await refresh(server.issuer, device.refresh_token));
    assert.equal(kidOf(next.id_token), kidOf(accessToken));
    assert.equal((await introspect(server.issuer, "orders", next.access_token)).active, true);
    assert.equal((await introspect(server.issuer, "orders", device.access_token)).active, false);
  });

  it("is refused for good: also when every record of then was pruned, and the server was started again", async () => {
    server = await startServer();
    const key = await stealKey(server);
    await revokeKey(key.kid);
    server.advance(TWO_DAYS_MS);
    await server.restart();
    const { storage } = server.server;
    await storage.pruning.run("log", async (time) => ({
      revocations: await pruneExpired({ storage, time }),
    }));
    server.advance(TWO_DAYS_MS);
    await server.restart();

    const forged = await forge(key, {
      issuer: server.issuer,
      audience: audience(),
      nowSeconds: now(2 * TWO_DAYS_MS),
    });
    assert.equal((await useApi(server.issuer, forged)).status, 401);
    const forOrders = await forge(key, {
      issuer: server.issuer,
      audience: RESOURCE,
      nowSeconds: now(2 * TWO_DAYS_MS),
    });
    assert.equal((await introspect(server.issuer, "orders", forOrders)).active, false);
    assert.ok(!(await jwks()).includes(key.kid));
  });
});
