import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { usernameKey } from "../../src/people/username.ts";

describe("a username", () => {
  it("is one name in every letter case, width and composition", () => {
    const twins = ["Zoë", "zoë", "ZOË", "Zoe\u0308", " zoë ", "ＺＯＥ\u0308"];
    assert.deepEqual(new Set(twins.map(usernameKey)), new Set(["zoë"]));
  });

  it("keeps different names apart", () => {
    assert.notEqual(usernameKey("alice"), usernameKey("alicе"), "the last one ends with a Cyrillic letter");
  });

  it("cannot be empty, endless, or hide control characters", () => {
    for (const text of ["", "   ", "a".repeat(129), "al\u200bice", "al\u0000ice", "al\u202eice"]) {
      assert.equal(usernameKey(text), undefined, JSON.stringify(text));
    }
  });
});
