/**
 * Every comparison of a stored time with a server's own, as the table of docs/decisions/0020-clocks-of-servers.md has
 * them: with two servers on one database whose clocks differ by as much as the skew allows, and with one whose clock is
 * set while it runs. Nobody may be signed out by that, and nothing may live longer by more than the skew.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { PlainBrowser } from "@portcullis/testing/end-to-end";
import { startPostgres } from "@portcullis/testing/servers";
import {
  assertRefused,
  begin,
  claimsOf,
  form,
  introspect,
  isEnd,
  ok,
  passPages,
  pressFirst,
  redeem,
  refresh,
  revokeToken,
  signIn,
  verdictOf,
} from "../app.ts";
import { type ServerUnderTest, startServer } from "../server-under-test.ts";

const SKEW_MS = 5000;
const GRACE_MS = 10_000;
/** Less than the skew, so that a clock which is ahead by that is past the end; time that a busy machine takes does not count. */
const BEFORE_END_MS = 4000;
const HALF_AN_HOUR_MS = 30 * 60 * 1000;
const HOUR_MS = 2 * HALF_AN_HOUR_MS;

/** A server that stores, and one that compares; of one alone, its clock moves in between. */
interface Pair {
  readonly first: string;
  readonly second: string;
  readonly server: ServerUnderTest;
  /** From now on the second is so far from the first. */
  move(ms: number): void;
}

type Comparison = (pair: Pair, ms: number) => Promise<void>;

/** Named as in the table. */
const COMPARISONS: Readonly<Record<string, Comparison>> = {
  async "refresh grace"({ server, first, second, move }, ms) {
    const { refresh_token } = await signIn(server);
    const next = ok(await refresh(first, refresh_token));
    move(ms);
    const again = ok(await refresh(second, refresh_token));
    assert.equal(again.refresh_token, next.refresh_token);
    assert.ok(again.expires_in <= next.expires_in, "a token does not grow younger");
    ok(await refresh(second, next.refresh_token));
  },

  async "refresh grace, at its end"({ server, first, second, move }, ms) {
    const { refresh_token } = await signIn(server);
    const next = ok(await refresh(first, refresh_token));
    server.advance(GRACE_MS - BEFORE_END_MS);
    move(ms);
    assert.equal(ok(await refresh(second, refresh_token)).refresh_token, next.refresh_token);
    server.advance(BEFORE_END_MS + 2 * SKEW_MS);
    assertRefused(await refresh(second, refresh_token), "invalid_grant");
    assert.equal(await reasonOf(server, next.access_token), "refresh_reuse");
  },

  async "a session id that was replaced"({ server, second, move }, ms) {
    const { browser } = await signIn(server);
    const twin = browser.copy();
    // A consent gives the session another id, and signs nobody in.
    await passPages(browser, begin(server.issuer, { client_id: "other", prompt: "consent" }).url);
    move(ms);
    twin.via = second;
    await assertSignedIn(server, twin);
  },

  async "a session id that was replaced, at its end"({ server, second, move }, ms) {
    const { browser } = await signIn(server);
    const twin = browser.copy();
    await passPages(browser, begin(server.issuer, { client_id: "other", prompt: "consent" }).url);
    move(ms);
    server.advance(10_000 + 2 * SKEW_MS);
    twin.via = second;
    const page = await twin.open(begin(server.issuer, { prompt: "none" }).url, isEnd);
    assert.equal(page.url.searchParams.get("error"), "login_required");
  },

  async "a sign-in after a sign-in"({ server, first, second, move }, ms) {
    const { browser } = await signIn(server);
    move(ms);
    browser.via = second;
    await passPages(browser, begin(server.issuer, { prompt: "login" }).url);
    for (const via of [second, first]) {
      browser.via = via;
      await assertSignedIn(server, browser);
    }
  },

  async "a code"({ second, first, move }, ms) {
    const attempt = begin(first);
    const callback = await passPages(new PlainBrowser(), attempt.url);
    move(ms);
    ok(await redeem(second, attempt, callback));
    assertRefused(await redeem(first, attempt, callback), "invalid_grant");
  },

  async "a consent with a time"({ server, first, second, move }, ms) {
    // Another case may have given this app a consent without an end.
    const attempt = begin(server.issuer, { client_id: "other", prompt: "consent" });
    const browser = new PlainBrowser();
    const page = await pressFirst(browser, await browser.open(attempt.url, isEnd));
    const { url } = await browser.submit(page, page.forms[0]!, { fill: { length: "hour" }, isEnd });
    const tokens = ok(await redeem(first, attempt, url));
    const { expires_at } = await server.server.storage.read
      .selectFrom("oidc_grants")
      .select("expires_at")
      .where("id", "=", claimsOf(tokens.access_token).gid)
      .executeTakeFirstOrThrow();
    server.advance(HOUR_MS - 60_000);
    move(ms);
    const last = ok(await refresh(second, tokens.refresh_token, { client_id: "other" }));
    assert.ok(claimsOf(last.access_token).exp <= Number(expires_at), "whatever the clock of the issuer is");
    server.advance(60_000 + 2 * SKEW_MS);
    assertRefused(await refresh(second, last.refresh_token, { client_id: "other" }), "invalid_grant");
  },

  async "a pushed request"({ server, first, second, move }, ms) {
    const attempt = begin(server.issuer);
    const pushed = await fetch(`${first}/par`, { method: "POST", body: attempt.url.searchParams });
    const { request_uri } = (await pushed.json()) as { request_uri: string };
    move(ms);
    const browser = new PlainBrowser();
    browser.via = second;
    const url = new URL("/authorize", server.issuer);
    url.search = form({ client_id: "web", request_uri }).toString();
    ok(await redeem(second, attempt, await passPages(browser, url)));
  },

  async "an interaction"({ server, first, second, move }, ms) {
    const browser = new PlainBrowser();
    const attempt = begin(server.issuer);
    let page = await browser.open(attempt.url, isEnd);
    move(ms);
    browser.via = second;
    while (!isEnd(page.url)) page = await pressFirst(browser, page);
    ok(await redeem(first, attempt, page.url));
  },

  async "session, grant and refresh token"({ server, second, move }, ms) {
    const { refresh_token } = await signIn(server);
    move(ms);
    ok(await refresh(second, refresh_token));
  },

  async "an opaque access token"({ server, second, move }, ms) {
    const { access_token } = await signIn(server, { parameters: { resource: undefined!, scope: "openid" } });
    move(ms);
    const answer = await fetch(`${second}/userinfo`, {
      headers: { authorization: `Bearer ${access_token}` },
    });
    assert.equal(answer.status, 200);
  },

  async "a token that expires while its clock disagrees"({ server, first, second, move }, ms) {
    const { access_token, expires_in } = await signIn(server);
    server.advance(expires_in * 1000 - BEFORE_END_MS);
    move(ms);
    assert.equal((await revokeToken(second, access_token)).status, 200);
    assert.equal(await reasonOf(server, access_token), "revoked", "verifiers take it for a skew longer");
    assert.equal((await introspect(first, "auditor", access_token)).active, false);
  },

  async "a form of the account page"({ server, second, move }, ms) {
    const { browser } = await signIn(server);
    const page = await browser.open(`${server.issuer}/account`);
    move(ms);
    browser.via = second;
    const out = page.forms.find(({ action }) => action.endsWith("/sign-out-everywhere"))!;
    assert.match((await browser.submit(page, out)).body, /Signed out/);
  },

  async pruning({ server, first, second, move }, ms) {
    const { refresh_token } = await signIn(server);
    const next = ok(await refresh(first, refresh_token));
    const attempt = begin(first);
    const callback = await passPages(new PlainBrowser(), attempt.url);
    server.advance(GRACE_MS - BEFORE_END_MS);
    move(ms);
    await server.prune(second);
    move(0);
    assert.equal(ok(await refresh(first, refresh_token)).refresh_token, next.refresh_token);
    ok(await redeem(first, attempt, callback));
  },

  async "the age of a sign-in"({ server, second, move }, ms) {
    const { browser } = await signIn(server);
    move(ms);
    browser.via = second;
    await assertSignedIn(server, browser, { max_age: "1" });
  },
};

async function assertSignedIn(
  { issuer }: ServerUnderTest,
  browser: PlainBrowser,
  parameters: Record<string, string> = {},
): Promise<void> {
  const { url } = await browser.open(begin(issuer, { prompt: "none", ...parameters }).url, isEnd);
  assert.notEqual(url.searchParams.get("code"), null, url.search);
}

/** What the log says, read anew: another server may have written it. */
async function reasonOf(server: ServerUnderTest, accessToken: string): Promise<string> {
  await server.server.storage.log.refresh();
  return verdictOf(server, accessToken);
}

describe("two servers on one database", () => {
  let postgres: Awaited<ReturnType<typeof startPostgres>>;
  let server: ServerUnderTest;
  let pair: Pair;
  before(async () => {
    postgres = await startPostgres({ fsync: false });
    const database = { kind: "postgres", url: await postgres.createDatabase(), poolSize: 8 } as const;
    server = await startServer({ change: (configuration) => Object.assign(configuration, { database }) });
    const second = await server.startAnother();
    pair = { server, first: server.issuer, second, move: (ms) => server.setClock(ms, second) };
  });
  after(async () => {
    await server.stop();
    await postgres.stop();
  });

  for (const ms of [-SKEW_MS, -50, 50, SKEW_MS]) {
    for (const [name, comparison] of Object.entries(COMPARISONS)) {
      it(`agree on ${name} when the second is ${ms} ms ahead`, async () => {
        pair.move(0);
        await comparison(pair, ms);
      });
    }
  }
});

describe("one server", () => {
  let server: ServerUnderTest;
  let pair: Pair;
  before(async () => {
    server = await startServer();
    pair = { server, first: server.issuer, second: server.issuer, move: (ms) => server.setClock(ms) };
  });
  after(() => server.stop());

  for (const ms of [-SKEW_MS, -1000, 1000]) {
    for (const [name, comparison] of Object.entries(COMPARISONS)) {
      it(`goes on with ${name} when its clock steps by ${ms} ms`, async () => {
        pair.move(0);
        await comparison(pair, ms);
      });
    }
  }

  /** What ends somebody's session, or deletes: by no clock that a hand has set. */
  const ENDING = ["refresh grace", "a session id that was replaced", "a sign-in after a sign-in", "pruning"];
  for (const ms of [-HALF_AN_HOUR_MS, HALF_AN_HOUR_MS]) {
    for (const name of ENDING) {
      it(`goes on with ${name} when its clock is half an hour off, by ${ms} ms`, async () => {
        pair.move(0);
        await COMPARISONS[name]!(pair, ms);
      });
    }
  }
});
