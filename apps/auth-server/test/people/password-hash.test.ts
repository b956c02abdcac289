import assert from "node:assert/strict";
import { pbkdf2Sync, randomBytes, scryptSync } from "node:crypto";
import { describe, it } from "node:test";
import { hashSync } from "bcryptjs";
import { hashPassword, isNewestKind, problemOfHash, verifyPassword } from "../../src/people/password-hash.ts";

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

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64").replace(/=+$/, "");
const SALT = Buffer.from("0123456789abcdef");
const scryptOf = (password: string, ln = 10, r = 8, p = 1) =>
  `$scrypt$ln=${ln},r=${r},p=${p}$${base64(SALT)}$${base64(scryptSync(password, SALT, 32, { N: 2 ** ln, r, p }))}`;
const pbkdf2Of = (password: string, digest: "sha1" | "sha256" | "sha512", rounds = "1000") =>
  `$pbkdf2${digest === "sha1" ? "" : `-${digest}`}$${rounds}$${base64(SALT)}$${base64(
    pbkdf2Sync(password, SALT, Number(/\d+/.exec(rounds)![0]), 32, digest),
  )}`;

/** Vectors of the makers: crypt_blowfish, passlib's documentation, RFC 7914 (section 11). */
const KNOWN: readonly (readonly [password: string, hash: string])[] = [
  ["U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"],
  ["password", "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E"],
  [
    "Password",
    "$pbkdf2-sha256$80000$TmFDbA$TdzY9guYviGDDO5e8icB+WQaRBjQTAQUrv8Ih2s0q1ah1CWhIlgzVJrbhBtRybMXaicr3ruh0HhHj2Kzl/M8jQ",
  ],
];

describe("a hash of another system", () => {
  it("verifies its password and no other, in every form that is known", async () => {
    const made = [
      hashSync("a password", 4),
      hashSync("a password", 4).replace("$2b$", "$2y$"),
      scryptOf("a password"),
      pbkdf2Of("a password", "sha1"),
      pbkdf2Of("a password", "sha256", "i=1000"),
      pbkdf2Of("a password", "sha512", "i=1000,l=32"),
      pbkdf2Of("a password", "sha512").replaceAll("+", "."),
    ].map((hash) => ["a password", hash] as const);
    for (const [password, hash] of [...KNOWN, ...made]) {
      assert.equal(problemOfHash(hash), undefined, hash);
      assert.equal(await verifyPassword(password, hash), true, hash);
      assert.equal(await verifyPassword(`${password}.`, hash), false, hash);
      assert.equal(isNewestKind(hash, password), false, hash);
    }
  });

  it("costs no more than the limit that its problem names, and verifies nothing beyond", async () => {
    const argon2 = (cost: string) => `$argon2id$v=19$${cost}$${base64(SALT)}$${base64(SALT)}${"A".repeat(8)}`;
    for (const [hash, limit] of [
      [`$2b$15$${"C".repeat(53)}`, /bcryptCost: found 15, and 14/],
      [scryptOf("x").replace("ln=10", "ln=22"), /scryptNrp/],
      [scryptOf("x").replace("p=1", "p=9999"), /scryptNrp/],
      [pbkdf2Of("x", "sha256").replace("1000", "2000001"), /pbkdf2Iterations/],
      [argon2("m=999999,t=1,p=1"), /argon2MemoryKib/],
      [argon2("m=200000,t=9,p=1"), /argon2KibPasses/],
    ] as const) {
      assert.match(problemOfHash(hash) ?? "", limit);
      assert.equal(await verifyPassword("x", hash), false);
    }
  });

  it("of no known form is said to be so", () => {
    for (const hash of [
      "",
      "5f4dcc3b5aa765d61d8327deb882cf99",
      "$1$salt$hash",
      "$argon2i$v=19$m=16,t=2,p=1$YWJj$YWJj",
    ]) {
      assert.match(problemOfHash(hash) ?? "", /of no form/);
    }
  });

  it("is replaced by one of ours, but for what bcrypt cannot tell from the password", async () => {
    assert.equal(isNewestKind(await hashPassword("a password", randomBytes), "a password"), true);
    assert.equal(isNewestKind(hashSync("x".repeat(72), 4), "x".repeat(73)), true);
  });
});
