import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import {
  Administrator,
  assertEverywhere,
  RelyingParty,
  signIn,
  startStack,
} from "@portcullis/testing/end-to-end";

describe("a restart of everything on the same data", () => {
  let dataDirectory = "";
  after(() => rm(dataDirectory, { recursive: true, force: true }));

  it("still refuses what was revoked, serves what was not, and refreshes", async () => {
    dataDirectory = await mkdtemp(join(tmpdir(), "portcullis-restart-"));
    const before = await startStack({ dataDirectory });
    const party = await RelyingParty.discover(before.info);
    const admin = new Administrator(before.info);
    const kicked = await signIn(party, before.info.demo);
    const single = await signIn(party, before.info.demo);
    const kept = await signIn(party, before.info.demo);
    await admin.revoke({ scope: "session", key: kicked.claims.sid, reason: "kicked" });
    await admin.revoke({ scope: "token", key: single.claims.jti, exp: single.claims.exp });
    await before.stop();

    const stack = await startStack({ dataDirectory, portBase: before.portBase });
    try {
      assert.deepEqual(
        withoutProcesses(stack.info),
        withoutProcesses(before.info),
        "secrets and addresses stay",
      );
      await assertEverywhere(stack, kicked.accessToken, 401, "kicked");
      await assertEverywhere(stack, single.accessToken, 401, "revoked");
      await assertEverywhere(stack, kept.accessToken, 200);
      await assert.rejects(party.refresh(kicked.refreshToken!), { error: "invalid_grant" });
      const next = await party.refresh(kept.refreshToken!);
      await assertEverywhere(stack, next.accessToken, 200);

      const { receipt } = await new Administrator(stack.info).revoke({
        scope: "session",
        key: kept.claims.sid,
        reason: "logged_out",
      });
      assert.equal(receipt.state, "enforced");
      for (const token of [kept.accessToken, next.accessToken]) {
        await assertEverywhere(stack, token, 401, "logged_out");
      }
    } finally {
      await stack.stop();
    }
  });
});

function withoutProcesses<T extends { pids: unknown }>(info: T): Omit<T, "pids"> {
  const { pids: _, ...rest } = info;
  return rest;
}
