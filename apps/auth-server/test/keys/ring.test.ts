import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { afterEach, describe, it } from "node:test";
import { exchange, json } from "@portcullis/testing/end-to-end";
import { decodeJwt } from "jose";
import { issuingSteps } from "../../src/oidc/tokens/issuing-phase.ts";
import { wallClock } from "../clocks.ts";
import { machineToken, ok, refresh, revokeByApi, signIn, token } from "../oidc/app.ts";
import { basicOf, RESOURCE, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";
import { apiToken, forge, kidOf, stealKey, useApi } from "./stolen-key.ts";

const AN_HOUR_MS = 60 * 60 * 1000;

let server: ServerUnderTest;
afterEach(() => server.stop());

const audience = (): string => `${server.issuer}/api`;
const serviceToken = () => machineToken(server.issuer, "service", RESOURCE, "orders.read");

const retire = (kid: string) =>
  server.server.revocations.revoker.revoke({ scope: "key", key: kid, mode: "kill", reason: "key_retired" });

async function jwks(): Promise<string[]> {
  const { keys } = json<{ keys: { kid: string }[] }>(await exchange(`${server.issuer}/jwks`));
  return keys.map(({ kid }) => kid);
}

function once(step: string) {
  let armed: (() => Promise<unknown>) | undefined;
  return {
    failpoint: async (done: string) => {
      if (done !== step || armed === undefined) return;
      const work = armed;
      armed = undefined;
      await work();
    },
    arm: (work: () => Promise<unknown>) => {
      armed = work;
    },
  };
}

describe("a key that is retired while a token is being signed with it", () => {
  for (const step of ["client_enabled", "verdict_allows"]) {
    it(`makes no token: 503 after ${step}, and the same refresh token brings one the next time`, async () => {
      const point = once(step);
      server = await startServer({ testHooks: { failpoint: point.failpoint } });
      const device = await signIn(server);
      const { kid } = await stealKey(server);
      point.arm(() => retire(kid));
      const refused = await refresh(server.issuer, device.refresh_token);
      assert.equal(refused.status, 503, refused.body);
      assert.equal(refused.headers["retry-after"], "1");
      const next = ok(await refresh(server.issuer, device.refresh_token));
      assert.notEqual(kidOf(next.access_token), kid);
      assert.notEqual(kidOf(next.id_token), kid);
    });
  }

  it("makes none that is answered after the receipt, whatever is under way", async () => {
    server = await startServer();
    const { kid } = await stealKey(server);
    let hasReceipt = false;
    let late = 0;
    const ask = async () => {
      const answer = await token(
        server.issuer,
        { grant_type: "client_credentials", resource: RESOURCE, scope: "orders.read" },
        { authorization: basicOf("service") },
      );
      if (answer.status === 503) return;
      const signedWith = kidOf(ok(answer).access_token);
      if (hasReceipt) late++;
      assert.ok(!hasReceipt || signedWith !== kid, "answered after the receipt, and dead on arrival");
    };
    const ends = performance.now() + 30_000;
    const worker = async () => {
      while (late < 40 && performance.now() < ends) await ask();
    };
    const workers = Array.from({ length: 8 }, worker);
    const receipt = await revokeByApi(server, { scope: "key", key: kid });
    hasReceipt = true;
    assert.equal(receipt.status, 200);
    await Promise.all(workers);
    assert.ok(late >= 40);
  });
});

describe("a repeated refresh within the grace, after its key was retired", () => {
  it("gets the same tokens, under the key of today", async () => {
    server = await startServer();
    const device = await signIn(server);
    const first = ok(await refresh(server.issuer, device.refresh_token));
    const { kid } = await stealKey(server);
    await retire(kid);
    const again = ok(await refresh(server.issuer, device.refresh_token));
    assert.equal(again.refresh_token, first.refresh_token);
    assert.deepEqual(decodeJwt(again.access_token), decodeJwt(first.access_token));
    const [signing] = await jwks();
    assert.deepEqual([kidOf(again.access_token), kidOf(again.id_token)], [signing, signing]);
    const { at_hash } = decodeJwt(again.id_token);
    const hash = createHash("sha256")
      .update(again.access_token)
      .digest()
      .subarray(0, 16)
      .toString("base64url");
    assert.equal(at_hash, hash);
  });
});

describe("a server that finds only refused keys", () => {
  it("makes a new one and its successor at its start, and says so", async () => {
    server = await startServer();
    const key = await stealKey(server);
    const { storage } = server.server;
    await storage.write(({ db }) =>
      db
        .updateTable("oidc_signing_keys")
        .set({ status: "retired", retired_at: 1, retired_reason: "revoked" })
        .execute(),
    );
    await server.restart();
    const [line] = server.logged("signing_key_replaced");
    assert.equal(line?.level, "warn");
    const [kid, next, ...more] = await jwks();
    const made = server.logged("next_signing_key_made").at(-1);
    assert.deepEqual([kid?.slice(0, 8), next?.slice(0, 8), more], [line?.key, made?.key, []]);
    assert.notEqual(kid, key.kid);
    assert.equal((await useApi(server.issuer, await apiToken(server.issuer, audience()))).status, 200);
  });

  it("replaces its key at once when only a record says that it is dead, as an older version writes it", async () => {
    server = await startServer();
    const key = await stealKey(server);
    await server.server.storage.write(({ append }) =>
      append([{ scope: "key", key: key.kid, mode: "kill", reason: "revoked" }]),
    );
    assert.notEqual(kidOf(await serviceToken()), key.kid);
    const rows = await server.server.storage.read
      .selectFrom("oidc_signing_keys")
      .select(["kid", "status", "jwk"])
      .orderBy("status")
      .execute();
    assert.deepEqual(
      rows.map(({ status }) => status),
      ["active", "next", "retired"],
    );
    assert.ok(!("d" in JSON.parse(rows[2]!.jwk)), "its private part is gone");
  });
});

describe("a key that is rotated", () => {
  it("signs no more, is published until its longest token has ended, and then leaves by itself", async () => {
    server = await startServer();
    const before = await serviceToken();
    const { ring } = server.server;
    const { kid, next } = await ring.rotate({ actor: "ann" });
    assert.deepEqual(await jwks(), [kid, next, kidOf(before)]);
    assert.equal(kidOf(await serviceToken()), kid);
    assert.equal(kidOf((await signIn(server)).id_token), kid);
    const old = await apiToken(server.issuer, audience());
    assert.equal((await useApi(server.issuer, old)).status, 200);

    await server.prune();
    assert.equal((await jwks()).length, 3);
    server.advance(25 * AN_HOUR_MS);
    await server.restart();
    server.advance(25 * AN_HOUR_MS);
    await server.prune();
    assert.deepEqual(await jwks(), [kid, next]);
  });

  it("is not refused: nobody has to sign in again, and its tokens live to their end", async () => {
    server = await startServer();
    const device = await signIn(server);
    const key = await stealKey(server);
    await server.server.ring.rotate();
    const usable = await forge(key, {
      issuer: server.issuer,
      audience: audience(),
      nowSeconds: Date.now() / 1000,
    });
    assert.equal((await useApi(server.issuer, usable)).status, 200);
    ok(await refresh(server.issuer, device.refresh_token));
  });
});

describe("a proof key that was refused", () => {
  it("takes no signing key with it, though it may be spelt like one", async () => {
    server = await startServer();
    const [active] = await jwks();
    const kid = kidOf(await serviceToken());
    assert.equal(kid, active);
    await server.server.revocations.revoker.revoke({
      scope: "dpop-key",
      key: kid,
      mode: "kill",
      reason: "revoked",
    });
    const next = await server.server.ring.rotate();
    assert.ok((await jwks()).includes(kid), "it retires, and its tokens are good until they end");
    assert.deepEqual(server.logged("signing_key_replaced"), []);
    assert.equal(kidOf(await serviceToken()), next.kid);
  });

  it("is bound to no token again", async () => {
    server = await startServer();
    await server.server.revocations.revoker.revoke({
      scope: "dpop-key",
      key: "stolen-thumbprint",
      mode: "kill",
      reason: "revoked",
    });
    const yes = async () => true;
    const asked: string[] = [];
    const steps = issuingSteps({
      readHead: async () => 0,
      bansOf: async () => [],
      isUserActive: yes,
      sessionEnd: async () => Number.MAX_SAFE_INTEGER,
      heldBy: async () => undefined,
      isGrantLive: yes,
      isClientEnabled: yes,
      ownApi: {
        apiResource: `${server.issuer}/api`,
        accountResource: `${server.issuer}/account`,
        isAdministrator: async () => false,
        isFirstParty: async () => false,
      },
      isKeyLive: () => true,
      refreshKeys: async () => undefined,
      isProofKeyRefused: async (thumbprint) => {
        asked.push(thumbprint);
        return server.server.revocations.isRefusedForGood("dpop-key", thumbprint);
      },
      isDenied: () => false,
      issuer: server.issuer,
      clock: wallClock(() => 0),
    });
    const bind = async (proofKey?: string) => {
      for (const step of steps) {
        if (step.name !== "proof_key_allowed") continue;
        await step.run({
          clientId: "service",
          accountId: undefined,
          sessionUid: undefined,
          grantId: undefined,
          audience: undefined,
          kid: "any",
          withhold: () => {},
          timesHeld: async () => ({}),
          endBy: () => {},
          horizon: 0,
          proofKey,
        });
      }
    };
    await assert.rejects(bind("stolen-thumbprint"), { error: "invalid_grant" });
    await bind("another-thumbprint");
    await bind();
    assert.deepEqual(asked, ["stolen-thumbprint", "another-thumbprint"]);
  });
});
