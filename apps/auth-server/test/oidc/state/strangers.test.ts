/** What somebody leaves behind who has proved nothing. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { exchange, json, PlainBrowser } from "@portcullis/testing/end-to-end";
import { begin, form, isEnd, passPages, pressFirst, signIn } from "../app.ts";
import { REDIRECT_URI, type ServerUnderTest, startServer } from "../server-under-test.ts";

const MOST = 100;
const FLOOD = 3 * MOST;
/** It is counted now and then: a twentieth, and what was under way. */
const SLACK = 20;

let server: ServerUnderTest;

before(async () => {
  server = await startServer({
    change: (document) => Object.assign(document, { limits: { rowsOfStrangers: MOST } }),
  });
});
after(() => server.stop());

const push = (state = "some-state") =>
  exchange(`${server.issuer}/par`, {
    body: form({
      client_id: "web",
      response_type: "code",
      redirect_uri: REDIRECT_URI,
      scope: "openid",
      state,
      code_challenge: "a".repeat(43),
      code_challenge_method: "S256",
    }),
  });

const continued = async (requestUri: string) => {
  const url = new URL("/authorize", server.issuer);
  url.search = new URLSearchParams({ client_id: "web", request_uri: requestUri }).toString();
  return (await exchange(url.href)).status;
};

/** Some at a time: all at once would be a test of the machine. */
async function flood(ask: (index: number) => Promise<unknown>): Promise<void> {
  for (let begun = 0; begun < FLOOD; begun += 20) {
    await Promise.all(Array.from({ length: 20 }, (_, index) => ask(begun + index)));
  }
}

async function rowsOf(model: string): Promise<number> {
  const rows = await server.server.storage.read
    .selectFrom("oidc_artefacts")
    .select("id_hash")
    .where("model", "=", model)
    .execute();
  return rows.length;
}

const sessionsOfNobody = () =>
  server.server.storage.read
    .selectFrom("oidc_sessions")
    .select("uid")
    .where("account_id", "is", null)
    .execute();

describe("a flood of", () => {
  test("pushed requests leaves a bounded number, and the newest work", async () => {
    const first = json<{ request_uri: string }>(await push()).request_uri;
    await flood(() => push());
    const rows = await rowsOf("PushedAuthorizationRequest");
    assert.ok(rows >= MOST / 2 && rows <= MOST + SLACK, String(rows));
    const last = json<{ request_uri: string }>(await push()).request_uri;
    assert.equal(await continued(first), 400, "the oldest made way");
    assert.equal(await continued(last), 303);
    assert.equal(server.logged("oldest_rows_make_way")[0]?.level, "warn");
  });

  test("sign-ins leaves a bounded number, and none makes way that somebody has signed in to", async () => {
    const browser = new PlainBrowser();
    const attempt = begin(server.issuer);
    const page = await browser.open(attempt.url, isEnd);
    const consent = await pressFirst(browser, page);
    assert.ok(!isEnd(consent.url), "asked for consent");
    await flood(() => exchange(begin(server.issuer).url.href));
    const rows = await rowsOf("Interaction");
    assert.ok(rows >= MOST / 2 && rows <= MOST + SLACK, String(rows));
    const end = await pressFirst(browser, consent);
    assert.ok(isEnd(end.url), `${end.status} at ${end.url.pathname}: ${end.body}`);
  });

  test("sign-outs leaves nothing", async () => {
    const before = (await sessionsOfNobody()).length;
    await flood(() => exchange(`${server.issuer}/logout`));
    assert.equal((await sessionsOfNobody()).length, before);
  });

  test("cookies of ended sessions leaves a bounded number of sessions, and nobody's who signed in", async () => {
    const { browser } = await signIn(server);
    const { browser: ended, claims } = await signIn(server);
    await server.server.oidc.endings.endSession({ uid: claims.sid, accountId: claims.sub });
    await flood(() => ended.copy().request(begin(server.issuer).url));
    const rows = await sessionsOfNobody();
    assert.ok(rows.length >= MOST / 2 && rows.length <= MOST + SLACK, String(rows.length));
    assert.ok(isEnd(await passPages(browser, begin(server.issuer).url)));
  });

  test("account pages leaves a bounded number of form tokens, and the last page works", async () => {
    const { browser, claims } = await signIn(server);
    for (let count = 0; count < 40; count++) await browser.open(`${server.issuer}/account`);
    const page = await browser.open(`${server.issuer}/account`);
    const rows = await server.server.storage.read
      .selectFrom("account_form_tokens")
      .select("token_hash")
      .where("session_uid", "=", claims.sid)
      .execute();
    assert.equal(rows.length, 32);
    const everywhere = page.forms.find(({ action }) => action.includes("everywhere"));
    assert.equal((await browser.submit(page, everywhere!)).status, 200);
  });
});

test("a request that would take much to store is refused, wherever it is sent", async () => {
  const state = "s".repeat(9000);
  const pushed = await push(state);
  assert.equal(pushed.status, 400);
  assert.match(pushed.body, /invalid_request/);
  assert.equal((await exchange(begin(server.issuer, { state }).url.href)).status, 414);
  assert.equal((await exchange(`${server.issuer}/logout?state=${state}`)).status, 414);
});
