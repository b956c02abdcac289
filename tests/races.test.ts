import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  Administrator,
  assertEverywhere,
  type Device,
  PlainBrowser,
  passPages,
  RelyingParty,
  type Stack,
  signIn,
  startStack,
  type Tokens,
  until,
} from "@portcullis/testing/end-to-end";

const DEVICES = 4;
const ROUNDS = 3;

describe("issuing that races a revocation", () => {
  let stack: Stack;
  let party: RelyingParty;
  let admin: Administrator;

  before(async () => {
    stack = await startStack();
    party = await RelyingParty.discover(stack.info);
    admin = new Administrator(stack.info);
  });
  after(() => stack.stop());

  const newDevice = () => signIn(party, stack.info.demo);
  const severalOf = <T>(make: () => Promise<T>) => Promise.all(Array.from({ length: DEVICES }, make));

  it("gives no refreshed token that outlives it", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const devices = await severalOf(newDevice);
      const tokens = devices.map(({ accessToken }) => accessToken);
      const chains = devices.map((device) => refreshUntilRefused(party, device, tokens));
      await until(() => tokens.length > 3 * DEVICES, { what: "refreshes under way", everyMs: 1 });
      const { receipt } = await admin.revoke({
        scope: "subject",
        key: devices[0]!.claims.sub,
        reason: "kicked",
      });
      assert.equal(receipt.state, "enforced");
      await Promise.all(chains);
      for (const token of tokens) {
        await assertEverywhere(stack, token, 401, "kicked");
      }
    }
  });

  it("gives no token for a code of before that outlives it", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const { claims } = await newDevice();
      const codes = await severalOf(async () => {
        const attempt = await party.begin();
        const callback = await passPages(new PlainBrowser(), attempt, stack.info.demo);
        return () => attempt.finish(callback);
      });
      const outcomes: PromiseSettledResult<Tokens>[] = [];
      const redeeming = inTurn(codes, outcomes);
      await until(() => outcomes.length > 0, { what: "the first code to be redeemed", everyMs: 1 });
      const { receipt } = await admin.revoke({ scope: "subject", key: claims.sub, reason: "kicked" });
      assert.equal(receipt.state, "enforced");
      await redeeming;
      assert.equal(outcomes[0]?.status, "fulfilled");
      for (const outcome of outcomes) {
        if (outcome.status === "fulfilled") {
          await assertEverywhere(stack, outcome.value.accessToken, 401, "kicked");
        } else {
          assert.equal(outcome.reason.error, "invalid_grant");
        }
      }
    }
  });
});

async function inTurn(
  codes: readonly (() => Promise<Tokens>)[],
  outcomes: PromiseSettledResult<Tokens>[],
): Promise<void> {
  for (const redeem of codes) outcomes.push(...(await Promise.allSettled([redeem()])));
}

/** Refreshes again and again until it is refused; `tokens` gets every access token on the way there. */
async function refreshUntilRefused(party: RelyingParty, device: Device, tokens: string[]): Promise<void> {
  let current: Tokens = device;
  for (;;) {
    try {
      current = await party.refresh(current.refreshToken!);
      tokens.push(current.accessToken);
    } catch (error) {
      assert.equal((error as { error?: string }).error, "invalid_grant");
      return;
    }
  }
}
