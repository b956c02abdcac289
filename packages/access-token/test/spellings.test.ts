import assert from "node:assert/strict";
import { test } from "node:test";
import { spellingsOf } from "@portcullis/testing";
import { claims, codeOf, KEYS, mint, verifier } from "./token.ts";

for (const key of Object.values(KEYS)) {
  test(`every other spelling of an ${key.alg} token is refused, or is the same token`, async () => {
    // Lengths of all remainders, so that each part has unused bits in some token.
    for (const sub of ["u", "us", "use"]) {
      const token = mint({ sub }, { kid: key.kid, x: sub }, key);
      const seen = verifier();
      const { claims: original } = await seen.verify(token);
      const spellings = spellingsOf(token);
      assert.ok(spellings.length >= 30, `only ${spellings.length} spellings`);
      for (const { name, token: other, verifies } of spellings) {
        const code = await codeOf(() => seen.verify(other));
        if (!verifies) assert.equal(code, "malformed_token", name);
        else assert.deepEqual((await seen.verify(other)).claims, original, name);
      }
    }
  });
}

test("there is a twin of every ECDSA signature, and it carries the same jti", async () => {
  const token = mint();
  const twin = spellingsOf(token).find(({ verifies }) => verifies);
  assert.ok(twin !== undefined && twin.token !== token);
  const both = verifier();
  assert.equal((await both.verify(twin.token)).claims.jti, (await both.verify(token)).claims.jti);
});

test("white space inside of the JSON is covered by the signature", async () => {
  const token = mint();
  const [header, , signature] = token.split(".");
  const spaced = Buffer.from(JSON.stringify(claims(), null, 1)).toString("base64url");
  assert.equal(await codeOf(() => verifier().verify(`${header}.${spaced}.${signature}`)), "bad_signature");
});
