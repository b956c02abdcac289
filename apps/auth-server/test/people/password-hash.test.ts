import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { hashPassword, verifyPassword } from "../../src/people/password-hash.ts";

describe("a password hash", () => {
  it("verifies its password and no other", async () => {
    const hash = await hashPassword("correct horse", randomBytes);
    assert.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    assert.equal(await verifyPassword("correct horse", hash), true);
    for (const wrong of ["correct Horse", "correct horse ", "", "correct hors"]) {
      assert.equal(await verifyPassword(wrong, hash), false);
    }
  });

  it("takes composed and decomposed accents for one password", async () => {
    const hash = await hashPassword("caf\u00e9 au lait", randomBytes);
    assert.equal(await verifyPassword("cafe\u0301 au lait", hash), true);
  });

  it("differs each time", async () => {
    assert.notEqual(await hashPassword("same", randomBytes), await hashPassword("same", randomBytes));
  });

  it("that cannot be read verifies nothing", async () => {
    for (const broken of ["", "plain", "$argon2i$v=19$m=16,t=2,p=1$YWJj$YWJj"]) {
      assert.equal(await verifyPassword("x", broken), false);
    }
  });
});
