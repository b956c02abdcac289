import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { describe, it } from "node:test";
import { SIGNING_ALGORITHMS } from "@portcullis/protocol";
import { compactVerify, importJWK } from "jose";
import { KeyMaker, publicPartOf } from "../../../src/keys/signing-key.ts";
import { librarySigningKey } from "../../../src/oidc/provider/signing-keys.ts";

const ANOTHER_TEXT = Buffer.from("another text").toString("base64url");

for (const alg of SIGNING_ALGORITHMS) {
  describe(`a key of ${alg}, as the library takes it`, () => {
    it("signs what anybody verifies with the published key, and nothing else", async () => {
      const key = await new KeyMaker().take(alg);
      const text = [{ alg }, { sub: "alice" }].map((part) =>
        Buffer.from(JSON.stringify(part)).toString("base64url"),
      );
      const signed = text.join(".");
      const signature = Buffer.from(await librarySigningKey(key).sign(Buffer.from(signed)));
      const published = await importJWK(publicPartOf(key), alg);
      const jws = `${signed}.${signature.toString("base64url")}`;
      assert.equal((await compactVerify(jws, published)).protectedHeader.alg, alg);
      await assert.rejects(compactVerify(jws.replace(text[1]!, ANOTHER_TEXT), published), {
        code: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
      });
    });

    it("shows its name, its algorithm and the public half, and no private member", async () => {
      const key = await new KeyMaker().take(alg);
      const shown = librarySigningKey(key);
      assert.deepEqual({ kid: shown.kid, alg: shown.alg, use: shown.use }, { kid: key.kid, alg, use: "sig" });
      const publicHalf = createPublicKey({ key: publicPartOf(key) as never, format: "jwk" });
      assert.ok((await shown.keyObject()).equals(publicHalf));
      for (const member of ["d", "p", "q", "dp", "dq", "qi"]) assert.ok(!(member in shown), member);
    });
  });
}
