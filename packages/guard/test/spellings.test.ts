import assert from "node:assert/strict";
import { test } from "node:test";
import { newIdentifier, spellingsOf } from "@portcullis/testing";
import { guardedApi } from "./guarded-api.ts";

test("no other spelling of a revoked token passes, seen before or not", async () => {
  for (const seen of [true, false]) {
    const api = guardedApi();
    const jti = newIdentifier();
    const token = api.mint({ jti });
    if (seen) assert.equal((await api.guard.authenticate(`Bearer ${token}`)).outcome, "allow");
    api.revocations.revoke("token", jti, "revoked");
    for (const { name, token: other, verifies } of spellingsOf(token)) {
      const decision = await api.guard.authenticate(`Bearer ${other}`);
      assert.ok(decision.outcome === "deny", name);
      assert.equal(decision.code, verifies ? "killed" : "malformed_token", name);
    }
  }
});

test("a twin that was let in before the revocation dies with the token", async () => {
  const api = guardedApi();
  const jti = newIdentifier();
  const token = api.mint({ jti });
  const twin = spellingsOf(token).find(({ verifies }) => verifies)!.token;
  const decision = await api.guard.authenticate(`Bearer ${twin}`);
  assert.ok(decision.outcome === "allow");
  assert.equal(decision.principal.tokenId, jti);
  api.revocations.revoke("token", jti, "logged_out");
  for (const spelling of [token, twin]) {
    const denied = await api.guard.authenticate(`Bearer ${spelling}`);
    assert.ok(denied.outcome === "deny" && denied.code === "killed");
  }
  assert.equal(decision.recheck().outcome, "deny");
});

test("the scheme in any case is the same token, and dies with it", async () => {
  const api = guardedApi();
  const jti = newIdentifier();
  const token = api.mint({ jti });
  const schemes = ["Bearer", "bearer", "BEARER", "bEaReR"];
  for (const scheme of schemes)
    assert.equal((await api.guard.authenticate(`${scheme} ${token}`)).outcome, "allow");
  api.revocations.revoke("token", jti, "logged_out");
  for (const scheme of schemes) {
    const denied = await api.guard.authenticate(`${scheme} ${token}`);
    assert.ok(denied.outcome === "deny" && denied.code === "killed");
  }
});

for (const separator of ["", "  ", "\t", " \t", "=", ":", "\u00a0", ", "]) {
  test(`${JSON.stringify(separator)} between scheme and token is refused`, async () => {
    const api = guardedApi();
    const denied = await api.guard.authenticate(`Bearer${separator}${api.mint()}`);
    assert.ok(denied.outcome === "deny" && denied.status === 401);
  });
}
