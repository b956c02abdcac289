import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { type Exchange, PlainBrowser } from "@portcullis/testing/end-to-end";
import { MAX_SPENT_CODES_PER_GRANT } from "../../../src/oidc/state/spent-codes.ts";
import {
  assertRefused,
  begin,
  claimsOf,
  isEnd,
  ok,
  passPages,
  redeem,
  refresh,
  signIn,
  verdictOf,
} from "../app.ts";
import { type ServerUnderTest, startServer } from "../server-under-test.ts";

const AT_ONCE = 50;
const WEEK_MS = 7 * 24 * 60 * 60 * 1000;

let server: ServerUnderTest;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

const atOnce = (run: () => Promise<Exchange>): Promise<Exchange[]> =>
  Promise.all(Array.from({ length: AT_ONCE }, run));
const won = (answers: Exchange[]) => answers.filter(({ status }) => status === 200).map(ok);

describe("an authorization code", () => {
  it("is redeemed once by fifty at once, and what came of it is ended as a replay", async () => {
    const attempt = begin(server.issuer);
    const callback = await passPages(new PlainBrowser(), attempt.url);
    const answers = await atOnce(() => redeem(server.issuer, attempt, callback));
    const [tokens, ...more] = won(answers);
    assert.equal(more.length, 0);
    for (const answer of answers.filter(({ status }) => status !== 200))
      assertRefused(answer, "invalid_grant");
    assert.equal(verdictOf(server, tokens!.access_token), "code_replay");
    assertRefused(await refresh(server.issuer, tokens!.refresh_token), "invalid_grant");
    assert.equal(await killsOf(claimsOf(tokens!.access_token).gid), 1);
  });

  it("that is replayed later ends what came of it", async () => {
    const attempt = begin(server.issuer);
    const callback = await passPages(new PlainBrowser(), attempt.url);
    const { access_token } = ok(await redeem(server.issuer, attempt, callback));
    assert.equal(verdictOf(server, access_token), "allow");
    assertRefused(await redeem(server.issuer, attempt, callback), "invalid_grant");
    assert.equal(verdictOf(server, access_token), "code_replay");
  });

  it("that is replayed a week later, long after its minute, ends what came of it", async () => {
    const attempt = begin(server.issuer);
    const callback = await passPages(new PlainBrowser(), attempt.url);
    const { refresh_token } = ok(await redeem(server.issuer, attempt, callback));
    server.advance(WEEK_MS);
    await server.prune();
    const stolen = { ...attempt, verifier: "x".repeat(43) };
    assertRefused(await redeem(server.issuer, stolen, callback), "invalid_grant");
    const foreign = { ...attempt, clientId: "other" };
    assertRefused(await redeem(server.issuer, foreign, callback), "invalid_grant");
    const alive = ok(await refresh(server.issuer, refresh_token));
    assert.equal(verdictOf(server, alive.access_token), "allow");
    assertRefused(await redeem(server.issuer, attempt, callback), "invalid_grant");
    assert.equal(verdictOf(server, alive.access_token), "code_replay");
    assertRefused(await refresh(server.issuer, alive.refresh_token), "invalid_grant");
    assert.equal(await killsOf(claimsOf(alive.access_token).gid), 1);
  });

  it("that expired before anybody redeemed it ends nothing", async () => {
    const browser = new PlainBrowser();
    const { access_token } = await signIn(server, { browser });
    const attempt = begin(server.issuer);
    const callback = await passPages(browser, attempt.url);
    server.advance(61_000);
    assertRefused(await redeem(server.issuer, attempt, callback), "invalid_grant");
    assert.equal(verdictOf(server, access_token), "allow");
  });

  it("is forgotten with its grant, and the oldest of a great many before", async () => {
    const { browser, claims } = await signIn(server);
    const { storage } = server.server;
    const spent = () =>
      storage.read
        .selectFrom("oidc_spent_codes")
        .select("id_hash")
        .where("grant_id", "=", claims.gid)
        .execute();
    await storage.write(async ({ db }) => {
      for (let at = 0; at < MAX_SPENT_CODES_PER_GRANT; at++) {
        const row = { id_hash: randomBytes(32), client_id: "web", code_challenge: "", spent_at: at };
        await db
          .insertInto("oidc_spent_codes")
          .values({ ...row, grant_id: claims.gid })
          .execute();
      }
    });
    const attempt = begin(server.issuer, { prompt: "none" });
    const { url } = await browser.open(attempt.url, isEnd);
    ok(await redeem(server.issuer, attempt, url));
    assert.equal((await spent()).length, MAX_SPENT_CODES_PER_GRANT);
    assertRefused(await redeem(server.issuer, attempt, url), "invalid_grant");
    assert.deepEqual(await spent(), []);
  });

  it("that is replayed without its verifier ends nothing", async () => {
    const attempt = begin(server.issuer);
    const callback = await passPages(new PlainBrowser(), attempt.url);
    const { access_token } = ok(await redeem(server.issuer, attempt, callback));
    const stolen = { ...attempt, verifier: "x".repeat(43) };
    assertRefused(await redeem(server.issuer, stolen, callback), "invalid_grant");
    assert.equal(verdictOf(server, access_token), "allow");
  });
});

describe("a refresh token", () => {
  it("gets fifty at once the same answer, and has one successor", async () => {
    const first = await signIn(server);
    const answers = (await atOnce(() => refresh(server.issuer, first.refresh_token))).map(ok);
    assert.equal(new Set(answers.map((answer) => answer.refresh_token)).size, 1);
    assert.equal(new Set(answers.map((answer) => answer.access_token)).size, 1);
    assert.equal(await refreshTokensOf(first.claims.gid), 2, "the spent one and its successor");
    assert.equal(verdictOf(server, answers[0]!.access_token), "allow");
  });

  it("that is repeated within the grace gets the same answer again", async () => {
    const first = await signIn(server);
    const next = ok(await refresh(server.issuer, first.refresh_token));
    server.advance(9000);
    const again = ok(await refresh(server.issuer, first.refresh_token));
    assert.equal(again.refresh_token, next.refresh_token);
    assert.equal(again.access_token, next.access_token);
    assert.equal(again.expires_in, next.expires_in - 9);
  });

  it("that is repeated after a restart, within the grace, still gets it", async () => {
    const first = await signIn(server);
    const next = ok(await refresh(server.issuer, first.refresh_token));
    await server.restart();
    assert.equal(ok(await refresh(server.issuer, first.refresh_token)).refresh_token, next.refresh_token);
  });

  it("that is used again after the grace and the skew ends the grant and its access tokens", async () => {
    const first = await signIn(server);
    const next = ok(await refresh(server.issuer, first.refresh_token));
    server.advance(15_000);
    assertRefused(await refresh(server.issuer, first.refresh_token), "invalid_grant");
    assert.equal(verdictOf(server, next.access_token), "refresh_reuse");
    assert.equal(verdictOf(server, first.access_token), "refresh_reuse");
    assertRefused(await refresh(server.issuer, next.refresh_token), "invalid_grant");
  });

  it("is no longer the previous one once its successor was used: then it is reuse at once", async () => {
    const first = await signIn(server);
    const second = ok(await refresh(server.issuer, first.refresh_token));
    const third = ok(await refresh(server.issuer, second.refresh_token));
    assertRefused(await refresh(server.issuer, first.refresh_token), "invalid_grant");
    assert.equal(verdictOf(server, third.access_token), "refresh_reuse");
  });

  it("that is repeated for something else is refused, and ends nothing", async () => {
    const first = await signIn(server);
    const next = ok(await refresh(server.issuer, first.refresh_token));
    const other = await refresh(server.issuer, first.refresh_token, { scope: "openid" });
    assertRefused(other, "invalid_grant");
    assert.equal(verdictOf(server, next.access_token), "allow");
  });

  it("is not taken for reused when requests that cannot succeed run beside those that can", async () => {
    const first = await signIn(server);
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, at) =>
        refresh(server.issuer, first.refresh_token, at % 4 === 0 ? { scope: "never.granted" } : {}),
      ),
    );
    const good = won(answers.filter((_, at) => at % 4 !== 0));
    assert.equal(good.length, 9);
    assert.equal(verdictOf(server, good[0]!.access_token), "allow");
  });

  it("repeated by another client gets nothing, and ends nothing", async () => {
    const first = await signIn(server);
    const next = ok(await refresh(server.issuer, first.refresh_token));
    assertRefused(await refresh(server.issuer, first.refresh_token, { client_id: "other" }), "invalid_grant");
    assert.equal(verdictOf(server, next.access_token), "allow");
  });

  it("gets no answer from the grace once its session was ended", async () => {
    const first = await signIn(server);
    ok(await refresh(server.issuer, first.refresh_token));
    await server.server.revocations.revoker.revoke({
      scope: "session",
      key: first.claims.sid,
      mode: "kill",
      reason: "kicked",
    });
    assertRefused(await refresh(server.issuer, first.refresh_token), "invalid_grant");
  });

  it("gets no answer from the grace when the user was cut off meanwhile", async () => {
    const first = await signIn(server);
    ok(await refresh(server.issuer, first.refresh_token));
    const { storage } = server.server;
    // The log alone, as if what hangs below had been missed: the verdict still stands in the way.
    await storage.write((transaction) =>
      transaction.append([{ scope: "subject", key: first.claims.sub, mode: "kill", reason: "banned" }]),
    );
    assertRefused(await refresh(server.issuer, first.refresh_token), "invalid_grant");
  });
});

describe("at rest", () => {
  it("keeps no code, token or cookie as it was handed out", async () => {
    const { browser, ...tokens } = await signIn(server);
    const next = ok(await refresh(server.issuer, tokens.refresh_token));
    const everything = await dump();
    const cookies = await browser.request(`${server.issuer}/account`);
    assert.equal(cookies.status, 200);
    for (const secret of [tokens.access_token, tokens.refresh_token, next.refresh_token, next.access_token]) {
      assert.ok(!everything.includes(secret), "found in the database");
    }
  });
});

async function killsOf(gid: string): Promise<number> {
  const rows = await server.server.storage.read
    .selectFrom("revocations")
    .select("seq")
    .where("key_text", "=", gid)
    .execute();
  return rows.length;
}

async function refreshTokensOf(gid: string): Promise<number> {
  const rows = await server.server.storage.read
    .selectFrom("oidc_artefacts")
    .select("id_hash")
    .where("model", "=", "RefreshToken")
    .where("grant_id", "=", gid)
    .execute();
  return rows.length;
}

async function dump(): Promise<string> {
  const { read } = server.server.storage;
  const tables = ["oidc_artefacts", "oidc_sessions", "oidc_grants", "oidc_refresh_successors"] as const;
  const rows = await Promise.all(tables.map((table) => read.selectFrom(table).selectAll().execute()));
  return JSON.stringify(rows);
}
