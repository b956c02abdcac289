import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { spellingsOf } from "@portcullis/testing";
import {
  Administrator,
  assertEverywhere,
  type Device,
  RelyingParty,
  rawStatus,
  type Stack,
  signIn,
  startStack,
} from "@portcullis/testing/end-to-end";

/** At the edge of a header's value, white space belongs to HTTP and not to the token (RFC 9110, section 5.5). */
const SAME_AFTER_HTTP =
  /^a (?:(?:space|tab) in front|(?:space|line break) behind|space at the end of the signature)$/;

describe("the other spellings of a JWT", () => {
  let stack: Stack;
  let device: Device;

  before(async () => {
    stack = await startStack();
    device = await signIn(await RelyingParty.discover(stack.info), stack.info.demo);
  });
  after(() => stack.stop());

  const statusesOf = async (token: string) =>
    Promise.all(
      Object.values(stack.ways()).map((url) => rawStatus(url, { authorization: `Bearer ${token}` })),
    );

  it("are refused, or are the same token: none is a fresh one", async () => {
    const spellings = spellingsOf(device.accessToken);
    assert.ok(spellings.length >= 20, `${spellings.length} spellings`);
    assert.deepEqual(await statusesOf(device.accessToken), [200, 200]);

    const accepted: string[] = [];
    for (const { name, token, verifies } of spellings) {
      for (const status of await statusesOf(token)) {
        if (status === 200) accepted.push(name);
        else assert.ok(status === 400 || status === 401, `${name}: ${status}`);
      }
      const mayPass = verifies || SAME_AFTER_HTTP.test(name);
      assert.ok(mayPass || !accepted.includes(name), `accepted: ${name}`);
    }

    const { receipt } = await new Administrator(stack.info).revoke({
      scope: "token",
      key: device.claims.jti,
      exp: device.claims.exp,
    });
    assert.equal(receipt.state, "enforced");
    await assertEverywhere(stack, device.accessToken, 401, "revoked");
    for (const { name, token } of spellings) {
      for (const status of await statusesOf(token)) {
        assert.ok(status === 400 || status === 401, `${name}, after its token was revoked: ${status}`);
      }
    }
  });
});
