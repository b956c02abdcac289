import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  assertEverywhere,
  discover,
  exchange,
  proofIn,
  proveRevocation,
  RelyingParty,
  type Stack,
  signIn,
  startStack,
  webClientOf,
} from "@portcullis/testing/end-to-end";

describe("RFC 7009 token revocation", () => {
  let stack: Stack;
  let party: RelyingParty;

  before(async () => {
    stack = await startStack();
    party = await RelyingParty.discover(stack.info);
  });
  after(() => stack.stop());

  const newDevice = () => signIn(party, stack.info.demo);
  const revoke = async (token: string) => {
    const { revocation_endpoint } = await discover(stack.info.issuer);
    const answer = await exchange(revocation_endpoint!, {
      headers: { prefer: "wait=10" },
      body: new URLSearchParams({ token, client_id: webClientOf(stack.info).clientId }),
    });
    assert.equal(answer.status, 200, answer.body);
    return proofIn([answer]);
  };

  it("ends an access token, and the session's next one lives on", async () => {
    const device = await newDevice();
    const next = await party.refresh(device.refreshToken!);
    await proveRevocation({
      stack,
      dead: device.accessToken,
      alive: [next.accessToken],
      reason: "revoked",
      revoke: () => revoke(device.accessToken),
    });
  });

  it("ends a refresh token and every access token of its grant", async () => {
    const device = await newDevice();
    await proveRevocation({
      stack,
      dead: device.accessToken,
      reason: "revoked",
      revoke: () => revoke(device.refreshToken!),
    });
    await assert.rejects(party.refresh(device.refreshToken!), { error: "invalid_grant" });
  });

  it("leaves a token alone that another client asks to revoke", async () => {
    const device = await newDevice();
    const { revocation_endpoint } = await discover(stack.info.issuer);
    const { clientId, clientSecret } = stack.info.clients.service;
    await exchange(revocation_endpoint!, {
      body: new URLSearchParams({
        token: device.accessToken,
        client_id: clientId,
        client_secret: clientSecret,
      }),
    });
    await assertEverywhere(stack, device.accessToken, 200);
  });

  it("answers 200 to a token that it does not know", async () => {
    const { revocation_endpoint } = await discover(stack.info.issuer);
    const answer = await exchange(revocation_endpoint!, {
      body: new URLSearchParams({ token: "no-such-token", client_id: webClientOf(stack.info).clientId }),
    });
    assert.equal(answer.status, 200, answer.body);
  });
});
