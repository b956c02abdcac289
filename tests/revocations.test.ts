import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  Administrator,
  assertEverywhere,
  assertRefused,
  bearer,
  claimsOf,
  clientCredentials,
  exchange,
  proveRevocation,
  RelyingParty,
  type Stack,
  signIn,
  startStack,
  until,
} from "@portcullis/testing/end-to-end";

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
const newToken = async () => (await newDevice()).accessToken;

describe("POST /revocations", () => {
  it("kicks one device of two, and the other lives on", async () => {
    const [phone, laptop] = [await newDevice(), await newDevice()];
    await proveRevocation({
      stack,
      dead: phone.accessToken,
      alive: [laptop.accessToken],
      reason: "kicked",
      revoke: () => admin.revoke({ scope: "session", key: phone.claims.sid, reason: "kicked" }),
    });
    await assert.rejects(party.refresh(phone.refreshToken!), { error: "invalid_grant" });
    await assert.doesNotReject(party.refresh(laptop.refreshToken!));
  });

  it("ends every device of a user, and no client's own token", async () => {
    const [phone, laptop] = [await newDevice(), await newDevice()];
    const machine = await clientCredentials(stack.info, stack.info.clients.service);
    await proveRevocation({
      stack,
      dead: phone.accessToken,
      alive: [machine],
      reason: "kicked",
      revoke: () => admin.revoke({ scope: "subject", key: phone.claims.sub, reason: "kicked" }),
    });
    await assertEverywhere(stack, laptop.accessToken, 401, "kicked");
    for (const { refreshToken } of [phone, laptop]) {
      await assert.rejects(party.refresh(refreshToken!), { error: "invalid_grant" });
    }
  });

  it("withdraws a consent by its grant, and the same user's other sign-in lives on", async () => {
    const [first, second] = [await newDevice(), await newDevice()];
    assert.notEqual(first.claims.gid, second.claims.gid);
    await proveRevocation({
      stack,
      dead: first.accessToken,
      alive: [second.accessToken],
      reason: "consent_withdrawn",
      revoke: () => admin.revoke({ scope: "grant", key: first.claims.gid, reason: "consent_withdrawn" }),
    });
    await assert.rejects(party.refresh(first.refreshToken!), { error: "invalid_grant" });
  });

  it("ends a client's tokens, and those of other clients live on", async () => {
    const machine = await clientCredentials(stack.info, stack.info.clients.service);
    await proveRevocation({
      stack,
      dead: machine,
      alive: [await newToken()],
      reason: "revoked",
      revoke: () =>
        admin.revoke({
          scope: "client",
          key: stack.info.clients.service.clientId,
          reason: "revoked",
        }),
    });
    const fresh = await clientCredentials(stack.info, stack.info.clients.service);
    await assertEverywhere(stack, fresh, 200);
  });

  it("ends a single token, and the session's next one lives on", async () => {
    const device = await newDevice();
    const next = await party.refresh(device.refreshToken!);
    await proveRevocation({
      stack,
      dead: device.accessToken,
      alive: [next.accessToken],
      reason: "revoked",
      revoke: () =>
        admin.revoke({ scope: "token", key: device.claims.jti, exp: device.claims.exp, reason: "revoked" }),
    });
    await assert.doesNotReject(party.refresh(next.refreshToken!));
  });

  it("makes a stale token ask for a refresh, and what the refresh brings works", async () => {
    const device = await newDevice();
    await proveRevocation({
      stack,
      dead: device.accessToken,
      reason: "claims_changed",
      revoke: () =>
        admin.revoke({ scope: "session", key: device.claims.sid, mode: "stale", reason: "claims_changed" }),
    });
    const refused = await exchange(stack.ways().gateway, { headers: bearer(device.accessToken) });
    assert.equal(JSON.parse(refused.body).mode, "stale");
    const next = await party.refresh(device.refreshToken!);
    await assertEverywhere(stack, next.accessToken, 200);
  });

  it("names every field that is wrong, and revokes nothing", async () => {
    const token = await newToken();
    const writer = await clientCredentials(stack.info, stack.info.clients.admin);
    const answer = await exchange(stack.info.revocations, {
      headers: { ...bearer(writer), "content-type": "application/json" },
      body: JSON.stringify({ scope: "session", key: "", reason: "because", surprise: true }),
    });
    assert.equal(answer.status, 400);
    const { error, problems } = JSON.parse(answer.body);
    assert.equal(error, "invalid_request");
    const fields = problems.map((problem: { field: string }) => problem.field);
    for (const field of ["key", "reason", "surprise"]) {
      assert.ok(
        fields.some((found: string) => found.includes(field)),
        `${field} in ${fields}`,
      );
    }
    await assertEverywhere(stack, token, 200);
  });

  it("refuses who may not revoke", async () => {
    const token = await newToken();
    const target = { scope: "subject", key: claimsOf(token).sub };
    const forOrders = await clientCredentials(stack.info, stack.info.clients.service);
    const everyone: Record<string, string>[] = [{}, bearer(token), bearer(forOrders)];
    for (const headers of everyone) {
      const answer = await exchange(stack.info.revocations, {
        headers: { ...headers, "content-type": "application/json" },
        body: JSON.stringify(target),
      });
      assert.equal(answer.status, 401, answer.body);
    }
    await assertEverywhere(stack, token, 200);
  });

  it("says who has not confirmed and by when it must, and by then it is enforced", async () => {
    const device = await newDevice();
    await assertEverywhere(stack, device.accessToken, 200);
    stack.signal("gateway", "SIGSTOP");
    try {
      const { status, receipt } = await admin.revoke(
        { scope: "session", key: device.claims.sid, reason: "kicked" },
        { wait: 0 },
      );
      assert.equal(status, 202);
      assert.equal(receipt.state, "pending");
      assert.ok(
        receipt.laggards?.some((name) => name.startsWith("gateway")),
        String(receipt.laggards),
      );
      const enforcedBy = Date.parse(receipt.enforcedBy!);
      assert.ok(enforcedBy - Date.now() < 6_000, `a lease at most: ${receipt.enforcedBy}`);
      const straight = await until(
        async () => {
          const answer = await exchange(stack.ways().service, { headers: bearer(device.accessToken) });
          return answer.status !== 200 && answer;
        },
        { what: "the service, which runs, to enforce it" },
      );
      assertRefused(straight, "kicked");

      // A later revocation waits for the same lease, so its receipt says when no old one is left.
      const later = await admin.revoke({ scope: "token", key: device.claims.jti }, { wait: 15 });
      assert.equal(later.receipt.state, "enforced");
      assert.ok(Date.now() <= enforcedBy + 8_000, "the lease ran out when the receipt had said");
    } finally {
      stack.signal("gateway", "SIGCONT");
    }
    const first = await exchange(stack.ways().gateway, { headers: bearer(device.accessToken) });
    assert.notEqual(first.status, 200);
    await until(
      async () =>
        (await exchange(stack.ways().gateway, { headers: bearer(device.accessToken) })).status !== 503,
      { what: "the gateway to know again what is revoked" },
    );
    await assertEverywhere(stack, device.accessToken, 401);
    await assertEverywhere(stack, await newToken(), 200);
  });

  describe("in the same second as a new login", () => {
    it("ends the old token and not the new one, again and again", async () => {
      let inOneSecond = 0;
      for (let round = 0; round < 12 && inOneSecond < 4; round++) {
        const old = await newDevice();
        await startOfSecond();
        const { receipt } = await admin.revoke({ scope: "subject", key: old.claims.sub, reason: "kicked" });
        const revokedInSecond = Math.floor(Date.now() / 1000);
        assert.equal(receipt.state, "enforced");
        const fresh = await newDevice();
        await assertEverywhere(stack, old.accessToken, 401, "kicked");
        await assertEverywhere(stack, fresh.accessToken, 200);
        if (fresh.claims.iat === revokedInSecond) inOneSecond++;
      }
      assert.ok(inOneSecond >= 3, `only ${inOneSecond} rounds fell into one second`);
    });
  });
});

/** Until the clock has just ticked, so that what follows fits into one second. */
async function startOfSecond(): Promise<void> {
  await until(() => Date.now() % 1000 < 60, { what: "the next second", everyMs: 5 });
}
