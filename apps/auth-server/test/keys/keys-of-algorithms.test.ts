/** Each algorithm has keys of its own, which rotate and are retired by themselves. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KEY_KNOWN_AFTER_SECONDS } from "@portcullis/protocol";
import { createRemoteJWKSet, decodeJwt, jwtVerify } from "jose";
import { publicPartOf } from "../../src/keys/signing-key.ts";
import { introspect, ok, refresh, signIn } from "../oidc/app.ts";
import { RESOURCE } from "../oidc/server-under-test.ts";
import {
  atHashOf,
  OTHERS,
  published,
  retire,
  rotate,
  server,
  serviceToken,
  start,
  statusesOf,
  verifies,
} from "./algorithms-under-test.ts";
import { forge, kidOf, stealKey } from "./stolen-key.ts";

for (const algorithm of OTHERS) {
  describe(`keys of ${algorithm}`, () => {
    it("rotate by themselves: each algorithm has one that signs and one that is next", async () => {
      await start({ api: algorithm });
      const verifier = createRemoteJWKSet(new URL(`${server.issuer}/jwks`));
      await verifier.reload();
      const [ofOthers, [active, next]] = [await published("ES256"), await published(algorithm)];
      const before = await serviceToken();
      const rotated = await rotate(algorithm);
      assert.deepEqual([rotated.kid, rotated.algorithm], [next, algorithm]);
      const after = await serviceToken();
      assert.deepEqual([kidOf(before), kidOf(after)], [active, next]);
      assert.deepEqual(await published(algorithm), [next, rotated.next, active]);
      assert.deepEqual(await published("ES256"), ofOthers);
      for (const jwt of [before, after]) await jwtVerify(jwt, verifier);
      const es256 = await rotate("ES256");
      assert.deepEqual([es256.kid, es256.algorithm], [ofOthers[1], "ES256"]);
      assert.deepEqual((await published(algorithm)).slice(0, 2), [next, rotated.next]);
    });

    it("have successors of the same algorithm when they are retired, and the others live on", async () => {
      await start({ api: algorithm });
      const [ofOthers, [active, next]] = [await published("ES256"), await published(algorithm)];
      const dead = await serviceToken();
      const stolen = await stealKey(server, "active", algorithm);
      const { signing } = await retire(active!);
      assert.deepEqual([signing.kid, signing.algorithm, signing.changed], [next, algorithm, true]);
      assert.equal(kidOf(await serviceToken()), next);
      const [signs, successor, ...none] = await published(algorithm);
      assert.deepEqual([signs, none], [next, []]);
      assert.notEqual(successor, active);
      assert.deepEqual(await published("ES256"), ofOthers);
      assert.equal((await introspect(server.issuer, "orders", dead)).active, false);
      const forgery = { issuer: server.issuer, audience: RESOURCE, nowSeconds: Date.now() / 1000 };
      const forged = await forge(stolen, forgery);
      assert.equal((await introspect(server.issuer, "orders", forged)).active, false);
      const row = await server.server.storage.read
        .selectFrom("oidc_signing_keys")
        .select("jwk")
        .where("kid", "=", active!)
        .executeTakeFirstOrThrow();
      assert.deepEqual(JSON.parse(row.jwk), publicPartOf(stolen), "its private part is gone");
    });

    it("are one that signs and one that is next, whatever is done at once", async () => {
      await start({ api: algorithm });
      const [active, next] = await published(algorithm);
      const { ring, revocations } = server.server;
      const kill = (key: string) =>
        revocations.revoker.revoke({ scope: "key", key, mode: "kill", reason: "key_retired" });
      await Promise.all([
        ring.rotate({ algorithm }),
        kill(active!),
        ring.offer(algorithm),
        kill(next!),
        ring.rotate({ algorithm }),
        ring.rotate(),
      ]);
      for (const name of ["ES256", algorithm] as const)
        assert.deepEqual((await statusesOf(name)).slice(0, 2), ["active", "next"]);
      await verifies(await serviceToken(), algorithm);
    });

    it("are made anew when only a record says that they are dead, as an older version writes it", async () => {
      await start({ api: algorithm });
      const [active] = await published(algorithm);
      await server.server.storage.write(({ append }) =>
        append([{ scope: "key", key: active!, mode: "kill", reason: "revoked" }]),
      );
      assert.notEqual(kidOf(await serviceToken()), active);
      assert.deepEqual((await statusesOf(algorithm)).toSorted(), ["active", "next", "retired"]);
    });

    it("can be published before anything uses them, so that nobody's verifier is surprised", async () => {
      await start({});
      const made = await rotate(algorithm);
      assert.equal(made.warning?.code, "recently_published");
      assert.deepEqual(await published(algorithm), [made.kid, made.next]);
      assert.deepEqual(await statusesOf(algorithm), ["active", "next"]);
      server.advance(KEY_KNOWN_AFTER_SECONDS * 1000);
      assert.equal("warning" in (await server.server.ring.offer(algorithm)), false);
      assert.deepEqual(await published(algorithm), [made.kid, made.next]);
    });

    it("that are offered when they are asked for come with a warning: verifiers may not know them yet", async () => {
      await start({});
      const offered = await server.server.ring.offer(algorithm);
      assert.deepEqual([offered.algorithm, offered.warning?.code], [algorithm, "recently_published"]);
      assert.deepEqual((await published(algorithm))[0], offered.kid);
      const [made] = server.logged("signing_key_made").filter((line) => line.algorithm === algorithm);
      assert.equal(made?.key, offered.kid.slice(0, 8));
    });
  });
}

describe("a repeated refresh within the grace, of tokens with two algorithms", () => {
  it("gets the ID token under the key of today when only its key was retired", async () => {
    await start({ api: "RS256", app: "EdDSA" });
    const device = await signIn(server);
    const first = ok(await refresh(server.issuer, device.refresh_token));
    await retire(kidOf(first.id_token));
    const again = ok(await refresh(server.issuer, device.refresh_token));
    assert.equal(again.access_token, first.access_token);
    assert.equal(kidOf(again.id_token), (await published("EdDSA"))[0]);
    assert.deepEqual(decodeJwt(again.id_token), decodeJwt(first.id_token));
    await verifies(again.id_token, "EdDSA");
  });

  it("gets an ID token that fits the access token when only that one's key was retired", async () => {
    await start({ api: "RS256", app: "EdDSA" });
    const device = await signIn(server);
    const first = ok(await refresh(server.issuer, device.refresh_token));
    await retire(kidOf(first.access_token));
    const again = ok(await refresh(server.issuer, device.refresh_token));
    assert.equal(kidOf(again.access_token), (await published("RS256"))[0]);
    await verifies(again.access_token, "RS256");
    await verifies(again.id_token, "EdDSA");
    assert.equal(decodeJwt(again.id_token).at_hash, atHashOf(again.access_token, "EdDSA"));
  });
});

describe("a key that is retired while it signs an ID token", () => {
  it("answers nothing: 503, and the same refresh token brings one the next time", async () => {
    let armed: (() => Promise<unknown>) | undefined;
    const failpoint = async (done: string) => {
      const work = done === "verdict_allows" ? armed : undefined;
      if (work === undefined) return;
      armed = undefined;
      await work();
    };
    await start({ app: "EdDSA" }, { testHooks: { failpoint } });
    const device = await signIn(server);
    const kid = kidOf(device.id_token);
    const { revoker } = server.server.revocations;
    armed = () => revoker.revoke({ scope: "key", key: kid, mode: "kill", reason: "key_retired" });
    const refused = await refresh(server.issuer, device.refresh_token);
    assert.equal(refused.status, 503, refused.body);
    const next = ok(await refresh(server.issuer, device.refresh_token));
    assert.notEqual(kidOf(next.id_token), kid);
    await verifies(next.id_token, "EdDSA");
  });
});
