import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isTooLong, unfitnessOf } from "../../src/people/password-rule.ts";

describe("a new password", () => {
  it("may be any text of 8 to 1,024 characters, spaces among them", () => {
    for (const password of ["12345678", "x".repeat(1024), " a phrase ", "пароль-дня", "密".repeat(8)])
      assert.equal(unfitnessOf(password), undefined, password);
  });

  it("is counted by characters, in the spelling that is hashed", () => {
    assert.equal(unfitnessOf("\u{1f511}".repeat(7)), "too_short", "each is two units of UTF-16");
    assert.equal(unfitnessOf("\u{1f511}".repeat(1024)), undefined);
    assert.equal(unfitnessOf("e\u0301".repeat(7)), "too_short", "each is one character, composed");
    assert.equal(isTooLong("e\u0301".repeat(1024)), false);
    assert.equal(isTooLong("e\u0301".repeat(1025)), true);
  });

  it("has no control character, nor half a surrogate pair", () => {
    for (const one of ["\0", "\t", "\n", "\u007f", "\u0085", "\ud800"])
      assert.equal(unfitnessOf(`pass${one}word-x`), "control_character", JSON.stringify(one));
  });

  it("is not white space alone, nor what nobody sees", () => {
    for (const one of [" ", "\u00a0", "\u3000", "\u200b", "\u3164"])
      assert.equal(unfitnessOf(one.repeat(8)), "blank", JSON.stringify(one));
  });
});
