/** RFC 8725, section 2.1: no token chooses what it is checked with. */
import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { describe, it } from "node:test";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from "jose";
import { introspect } from "../oidc/app.ts";
import { jwks, OTHERS, server, start } from "./algorithms-under-test.ts";
import { forge, stealKey, useApi } from "./stolen-key.ts";

describe("a token whose header names another algorithm than its key has", () => {
  const forgery = () => ({
    issuer: server.issuer,
    audience: `${server.issuer}/api`,
    nowSeconds: Date.now() / 1000,
  });

  it("is refused: the public RSA key is no shared secret", async () => {
    await start({ api: "RS256" });
    const [, key] = await jwks();
    assert.equal(key!.alg, "RS256");
    const pem = createPublicKey({ key: key as never, format: "jwk" }).export({ type: "spki", format: "pem" });
    const forged = await new SignJWT({ client_id: "admin", scope: "revocations.read", rv: 1 })
      .setProtectedHeader({ alg: "HS256", typ: "at+jwt", kid: key!.kid })
      .setIssuer(server.issuer)
      .setAudience(`${server.issuer}/api`)
      .setSubject("admin")
      .setJti("abc")
      .setIssuedAt()
      .setExpirationTime("5m")
      .sign(Buffer.from(pem as string));
    assert.equal((await useApi(server.issuer, forged)).status, 401);
    assert.equal((await introspect(server.issuer, "auditor", forged)).active, false);
  });

  it("is refused: an RSA key verifies RS256 alone", async () => {
    await start({ api: "RS256" });
    const stolen = await stealKey(server, "active", "RS256");
    for (const [alg, status] of [
      ["RS256", 200],
      ["PS256", 401],
      ["RS512", 401],
    ] as const) {
      const { alg: _, ...key } = stolen;
      const forged = await forge(key as typeof stolen, { ...forgery(), alg });
      assert.equal((await useApi(server.issuer, forged)).status, status, alg);
      assert.equal((await introspect(server.issuer, "auditor", forged)).active, status === 200, alg);
    }
  });

  it("is refused: what is signed with an algorithm that the issuer does not offer", async () => {
    await start({});
    for (const alg of OTHERS) {
      const { privateKey } = await generateKeyPair(alg, { extractable: true });
      const jwk = { ...(await exportJWK(privateKey)), alg };
      for (const kid of [await calculateJwkThumbprint(jwk), (await jwks())[0]!.kid]) {
        const forged = await forge({ ...jwk, kid }, forgery());
        assert.equal((await useApi(server.issuer, forged)).status, 401, alg);
        assert.equal((await introspect(server.issuer, "auditor", forged)).active, false, alg);
      }
    }
  });
});
