import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { type RevocableClaims, systemClock } from "@portcullis/protocol";
import { json } from "@portcullis/testing/end-to-end";
import {
  createIssuingPhase,
  type IssuingStep,
  issuingSteps,
} from "../../../src/oidc/tokens/issuing-phase.ts";
import { assertRefused, claimsOf, ok, refresh, signIn, token, verdictOf } from "../app.ts";
import { basicOf, RESOURCE, type ServerUnderTest, startServer } from "../server-under-test.ts";

/** The horizon after the checks of SQL: what must never be. */
function horizonAfterChecks([horizon, ...checks]: readonly IssuingStep[]): readonly IssuingStep[] {
  const verdict = checks.findIndex(({ name }) => name === "verdict_allows");
  return checks.toSpliced(verdict, 0, { ...horizon!, when: "token" });
}

let server: ServerUnderTest;
afterEach(() => server.stop());

/** Revokes right after a step, once, when armed. */
function revokeAfter(step: string) {
  let revoke: (() => Promise<unknown>) | undefined;
  return {
    failpoint: async (done: string) => {
      if (done !== step || revoke === undefined) return;
      const armed = revoke;
      revoke = undefined;
      await armed();
    },
    arm: (work: () => Promise<unknown>) => {
      revoke = work;
    },
  };
}

const cutOffClient = () =>
  server.server.revocations.revoker.revoke({
    scope: "client",
    key: "service",
    mode: "kill",
    reason: "logged_out",
  });

async function serviceToken(): Promise<string> {
  const answer = await token(
    server.issuer,
    { grant_type: "client_credentials", resource: RESOURCE, scope: "orders.read" },
    { authorization: basicOf("service") },
  );
  return ok(answer).access_token;
}

describe("a revocation that lands while a token is being issued", () => {
  it("denies the token, because its horizon was sampled before the checks", async () => {
    const point = revokeAfter("verdict_allows");
    server = await startServer({ testHooks: { failpoint: point.failpoint } });
    point.arm(cutOffClient);
    const issued = await serviceToken();
    assert.equal(verdictOf(server, issued), "logged_out");
    assert.equal(verdictOf(server, await serviceToken()), "allow", "the next one passes");
  });

  it("would leave it alive if the horizon were sampled after them", async () => {
    const point = revokeAfter("client_enabled");
    server = await startServer({ testHooks: { failpoint: point.failpoint, reorder: horizonAfterChecks } });
    point.arm(cutOffClient);
    const leaked = await serviceToken();
    assert.equal(verdictOf(server, leaked), "allow", "the leak that our order does not have");
  });

  it("refuses at that very point in our order", async () => {
    const point = revokeAfter("client_enabled");
    server = await startServer({ testHooks: { failpoint: point.failpoint } });
    point.arm(cutOffClient);
    const answer = await token(
      server.issuer,
      { grant_type: "client_credentials", resource: RESOURCE, scope: "orders.read" },
      { authorization: basicOf("service") },
    );
    assertRefused(answer, "invalid_grant");
  });

  it("refuses at that point what is for the very API that its user is cut off from, and nothing else", async () => {
    const point = revokeAfter("client_enabled");
    server = await startServer({ testHooks: { failpoint: point.failpoint } });
    const cutOffFrom = (audience: string) => () =>
      server.server.storage.write((transaction) =>
        transaction.append([
          {
            scope: "subject-audience",
            key: { subject: "service", audience },
            mode: "kill",
            reason: "banned",
          },
        ]),
      );
    point.arm(cutOffFrom("https://elsewhere.example"));
    assert.equal(verdictOf(server, await serviceToken()), "allow");
    point.arm(cutOffFrom(RESOURCE));
    const answer = await token(
      server.issuer,
      { grant_type: "client_credentials", resource: RESOURCE, scope: "orders.read" },
      { authorization: basicOf("service") },
    );
    assertRefused(answer, "invalid_grant");
  });

  it("refuses the repeat of a refresh whose stored answer is for that API", async () => {
    server = await startServer();
    const { claims, refresh_token } = await signIn(server);
    ok(await refresh(server.issuer, refresh_token));
    ok(await refresh(server.issuer, refresh_token));
    await server.server.storage.write((transaction) =>
      transaction.append([
        {
          scope: "subject-audience",
          key: { subject: claims.sub, audience: RESOURCE },
          mode: "kill",
          reason: "banned",
        },
      ]),
    );
    assertRefused(await refresh(server.issuer, refresh_token), "invalid_grant");
  });

  it("ends a refresh as a whole when it ended what hangs below the user", async () => {
    const point = revokeAfter("verdict_allows");
    server = await startServer({ testHooks: { failpoint: point.failpoint } });
    const first = await signIn(server);
    point.arm(() =>
      server.server.revocations.revoker.revoke({
        scope: "subject",
        key: first.claims.sub,
        mode: "kill",
        reason: "logged_out",
      }),
    );
    assertRefused(await refresh(server.issuer, first.refresh_token), "invalid_grant");
  });

  it("denies a refreshed token even where the log is all that was written", async () => {
    const point = revokeAfter("verdict_allows");
    server = await startServer({ testHooks: { failpoint: point.failpoint } });
    const first = await signIn(server);
    point.arm(() =>
      server.server.storage.write((transaction) =>
        transaction.append([{ scope: "subject", key: first.claims.sub, mode: "kill", reason: "banned" }]),
      ),
    );
    const next = ok(await refresh(server.issuer, first.refresh_token));
    assert.equal(verdictOf(server, next.access_token), "banned");
    assert.ok(claimsOf(next.access_token).rv < server.server.storage.log.head());
  });
});

describe("what verifiers would say of a token", () => {
  it("is asked with the API that it is for and the organization that it acts in, which go into it", async () => {
    server = await startServer();
    const asked: RevocableClaims[] = [];
    const sources = {
      readHead: async () => 7,
      bansOf: async () => [],
      isUserActive: async () => true,
      sessionEnd: async () => Number.MAX_SAFE_INTEGER,
      heldBy: async () => undefined,
      isGrantLive: async () => true,
      isClientEnabled: async () => true,
      ownApi: {
        apiResource: `${server.issuer}/api`,
        accountResource: `${server.issuer}/account`,
        isAdministrator: async () => false,
        isFirstParty: async () => false,
      },
      isKeyLive: () => true,
      refreshKeys: async () => {},
      isProofKeyRefused: async () => false,
      isDenied: (claims: RevocableClaims) => asked.push(claims) === 0,
      issuer: server.issuer,
      clock: systemClock,
    };
    const phase = createIssuingPhase(issuingSteps(sources));
    const facts = {
      clientId: "web",
      accountId: "ann",
      sessionUid: "s",
      grantId: "g",
      kid: "k",
      withhold: () => {},
      timesHeld: async () => ({}),
      endBy: () => {},
    };
    const claims = await phase.check({ ...facts, audience: RESOURCE, organization: "acme" }, 7);
    assert.deepEqual(claims, { rv: 7, sid: "s", gid: "g", org: "acme" });
    const [{ sub, aud, org, rv } = {} as RevocableClaims] = asked;
    assert.deepEqual([sub, aud, org, rv], ["ann", RESOURCE, "acme", 7]);
  });
});

describe("the issuing phase", () => {
  it("samples its horizon first, and checks everything before it signs", async () => {
    const done: string[] = [];
    server = await startServer({ testHooks: { failpoint: (name) => void done.push(name) } });
    await signIn(server);
    const all = [
      "sample_horizon",
      "not_banned",
      "user_active",
      "session_live",
      "grant_live",
      "not_outlived",
      "client_enabled",
      "own_api_allowed",
      "proof_key_allowed",
      "signing_key_live",
      "verdict_allows",
      "signing_key_still_live",
    ];
    assert.deepEqual(done, all);
  });

  it("is run by every grant type", async () => {
    const done: string[] = [];
    server = await startServer({ testHooks: { failpoint: (name) => void done.push(name) } });
    const { refresh_token } = await signIn(server);
    for (const issue of [() => refresh(server.issuer, refresh_token), serviceToken]) {
      done.length = 0;
      await issue();
      assert.equal(done[0], "sample_horizon");
      assert.deepEqual(done.slice(-2), ["verdict_allows", "signing_key_still_live"]);
    }
  });

  it("refuses to sign without a horizon", async () => {
    server = await startServer({
      testHooks: { reorder: (steps) => steps.filter(({ name }) => name !== "sample_horizon") },
    });
    const answer = await token(
      server.issuer,
      { grant_type: "client_credentials", resource: RESOURCE, scope: "orders.read" },
      { authorization: basicOf("service") },
    );
    assert.equal(answer.status, 500);
    assert.equal(json(answer).access_token, undefined);
  });
});
