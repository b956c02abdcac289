import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  assertEverywhere,
  PlainBrowser,
  passPages,
  RelyingParty,
  type Stack,
  signIn,
  startStack,
  type Tokens,
} from "@portcullis/testing/end-to-end";

const AT_ONCE = 50;

describe("what may be spent once, spent by fifty at once", () => {
  let stack: Stack;
  let party: RelyingParty;

  before(async () => {
    stack = await startStack();
    party = await RelyingParty.discover(stack.info);
  });
  after(() => stack.stop());

  it("gives tokens for an authorization code once, and ends them because the code was replayed", async () => {
    const attempt = await party.begin();
    const callback = await passPages(new PlainBrowser(), attempt, stack.info.demo);
    const { tokens, errors } = await allAtOnce(() => attempt.finish(callback));
    assert.equal(tokens.length, 1);
    assert.deepEqual(new Set(errors), new Set(["invalid_grant"]));
    await assertEverywhere(stack, tokens[0]!.accessToken, 401, "code_replay");
  });

  it("gives one successor to a refresh token, however many ask within the grace", async () => {
    const device = await signIn(party, stack.info.demo);
    const { tokens } = await allAtOnce(() => party.refresh(device.refreshToken!));
    assert.equal(new Set(tokens.map(({ refreshToken }) => refreshToken)).size, 1);
    await assertEverywhere(stack, tokens[0]!.accessToken, 200);
    const next = await party.refresh(tokens[0]!.refreshToken!);
    await assertEverywhere(stack, next.accessToken, 200);
  });
});

async function allAtOnce(redeem: () => Promise<Tokens>): Promise<{ tokens: Tokens[]; errors: string[] }> {
  const outcomes = await Promise.allSettled(Array.from({ length: AT_ONCE }, redeem));
  const tokens = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  const errors = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason.error] : []));
  return { tokens, errors };
}
