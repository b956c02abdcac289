/** Each app chooses the algorithm of its ID tokens, each API that of its access tokens. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { connect } from "@portcullis/guard";
import { PlainBrowser, RelyingParty } from "@portcullis/testing/end-to-end";
import { calculateJwkThumbprint } from "jose";
import { introspect, ok, passPages, refresh, revokeToken, signIn } from "../oidc/app.ts";
import { REDIRECT_URI, RESOURCE } from "../oidc/server-under-test.ts";
import {
  callKeys,
  discovery,
  headerOf,
  jwks,
  OTHERS,
  server,
  serviceToken,
  start,
  verifies,
} from "./algorithms-under-test.ts";
import { apiToken, kidOf, useApi } from "./stolen-key.ts";

describe("an issuer that nobody has asked for another algorithm", () => {
  it("offers ES256 alone, and refuses to say that it signs with another", async () => {
    await start({});
    assert.deepEqual(
      (await jwks()).map(({ alg }) => alg),
      ["ES256", "ES256"],
    );
    assert.deepEqual((await discovery()).id_token_signing_alg_values_supported, ["ES256"]);
    const answer = await callKeys("/rotate", { algorithm: "HS256" });
    assert.equal(answer.status, 400, answer.body);
  });
});

/** Resolves when the replica has applied the record. */
function applied(
  replica: { readonly applied: number; subscribe(listener: () => void): () => void },
  seq: number,
): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      if (replica.applied < seq) return;
      stop();
      resolve();
    };
    const stop = replica.subscribe(check);
    check();
  });
}

for (const algorithm of OTHERS) {
  describe(`an app and an API with ${algorithm}`, () => {
    it("get tokens that jose verifies, beside others that have ES256", async () => {
      await start({ api: algorithm, app: algorithm });
      const device = await signIn(server);
      const again = ok(await refresh(server.issuer, device.refresh_token));
      for (const jwt of [device.access_token, device.id_token, again.access_token, again.id_token]) {
        assert.equal(headerOf(jwt).alg, algorithm);
        await verifies(jwt, algorithm);
      }
      const other = await signIn(server, { parameters: { client_id: "other" } });
      assert.deepEqual(
        [headerOf(other.access_token).alg, headerOf(other.id_token).alg],
        [algorithm, "ES256"],
      );
      await verifies(other.id_token, "ES256");
      assert.equal(
        (await useApi(server.issuer, await apiToken(server.issuer, `${server.issuer}/api`))).status,
        200,
      );
    });

    it("are told of by discovery and the JWKS, in which keys that sign come first and ES256 before all", async () => {
      await start({ app: algorithm });
      assert.deepEqual((await discovery()).id_token_signing_alg_values_supported, ["ES256", algorithm]);
      const keys = await jwks();
      assert.deepEqual(
        keys.map(({ alg }) => alg),
        ["ES256", algorithm, "ES256", algorithm],
      );
      for (const key of keys) {
        assert.ok(!("d" in key), "no private part");
        assert.equal(key.kid, await calculateJwkThumbprint(key));
      }
      const device = await signIn(server);
      assert.deepEqual([kidOf(device.access_token), kidOf(device.id_token)], [keys[0]!.kid, keys[1]!.kid]);
    });

    it("are introspected, revoked, and passed and refused by a guard, as with ES256", async () => {
      await start({ api: algorithm, app: algorithm });
      const guard = connect({
        issuer: server.issuer,
        audience: RESOURCE,
        clientId: "orders",
        clientSecret: "orders-secret-0123456789abcdef",
        name: "orders-1",
      });
      try {
        await guard.whenReady();
        const device = await signIn(server);
        const outcomes = async () => {
          const decision = await guard.authenticate(`Bearer ${device.access_token}`);
          const { active } = await introspect(server.issuer, "orders", device.access_token);
          return [decision.outcome, active];
        };
        assert.deepEqual(await outcomes(), ["allow", true]);
        const revoked = await revokeToken(server.issuer, device.access_token, { prefer: "wait=5" });
        assert.equal(revoked.status, 200, revoked.body);
        await applied(guard.replica, server.server.storage.log.head());
        const [outcome, active] = await outcomes();
        assert.notEqual(outcome, "allow");
        assert.equal(active, false);
      } finally {
        await guard.close();
      }
    });

    it("sign in with openid-client, which takes no other algorithm and checks the signature", async () => {
      await start({ app: algorithm });
      const info = { issuer: server.issuer, resource: RESOURCE, clients: { web: {} as never } };
      const registration = { clientId: "web", redirectUri: REDIRECT_URI, idTokenAlgorithm: algorithm };
      const app = await RelyingParty.discover(info, registration);
      const attempt = await app.begin({ scope: "openid orders.read" });
      const tokens = await attempt.finish(await passPages(new PlainBrowser(), attempt.url));
      assert.equal(headerOf(tokens.idToken).alg, algorithm);
      await app.refresh(tokens.refreshToken!);
      const wrong = await RelyingParty.discover(info, { ...registration, idTokenAlgorithm: "ES256" });
      await assert.rejects(wrong.refresh(tokens.refreshToken!), { code: "OAUTH_INVALID_RESPONSE" });
    });

    it("keep their keys when the server is started again", async () => {
      await start({ api: algorithm });
      const before = await jwks();
      await server.restart();
      assert.deepEqual(await jwks(), before);
      await verifies(await serviceToken(), algorithm);
    });
  });
}
