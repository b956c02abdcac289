/** What a user may untick, for how long a yes holds, and what an app is given by it. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { exchange, json, type Page, PlainBrowser } from "@portcullis/testing/end-to-end";
import {
  type Attempt,
  assertRefused,
  begin,
  claimsOf,
  form,
  isEnd,
  ok,
  pressFirst,
  redeem,
  refresh,
  type TokenAnswer,
  token,
  verdictOf,
} from "../app.ts";
import {
  ALICE,
  OTHER_RESOURCE,
  REDIRECT_URI,
  RESOURCE,
  type ServerUnderTest,
  startServer,
} from "../server-under-test.ts";

const HOUR_MS = 3_600_000;
const OPTIONAL = ["email", "orders.write", "bills.read"];
const ALL = { client_id: "mail", scope: "openid profile email orders.read orders.write" };

let server: ServerUnderTest;
before(async () => {
  server = await startServer({
    change: ({ clients }) => {
      const other = clients.find(({ clientId }) => clientId === "other")!;
      clients.push({ ...other, clientId: "mail", name: "Mail", optionalScopes: OPTIONAL } as never);
    },
  });
});
after(() => server.stop());
beforeEach(() => server.server.storage.write(({ db }) => db.deleteFrom("oidc_consents").execute()));

const asks = ({ body }: Page): boolean => /<h1>Allow /.test(body);
const EMAIL = "See your e-mail address";
const WRITE = "Change your orders";

interface Visit {
  readonly browser: PlainBrowser;
  readonly page: Page;
  readonly attempt: Attempt;
}

/** The page after the password, on a device that nobody was signed in on. */
async function visit(parameters: Record<string, string> = {}, browser = new PlainBrowser()): Promise<Visit> {
  const attempt = begin(server.issuer, { ...ALL, ...parameters });
  const opened = await browser.open(attempt.url, isEnd);
  const page = opened.forms[0]?.hasPassword ? await pressFirst(browser, opened, ALICE) : opened;
  return { browser, page, attempt };
}

/** Of the checkbox with this text. */
function boxOf({ body }: Page, text: string): { name: string; isTicked: boolean } | undefined {
  const found = new RegExp(`<input type="checkbox" name="([^"]+)" value="yes"( checked)?> ${text}<`).exec(
    body,
  );
  return found === null ? undefined : { name: found[1]!, isTicked: found[2] !== undefined };
}

interface Choice {
  readonly untick?: readonly string[];
  readonly tick?: readonly string[];
  readonly length?: string;
}

function answer(
  { browser, page }: Visit,
  { untick = [], tick = [], length = "always" }: Choice = {},
): Promise<Page> {
  assert.ok(asks(page), page.body);
  const [shown] = page.forms;
  const names = untick.map((text) => boxOf(page, text)!.name);
  const kept = Object.entries(shown!.fields).filter(([name]) => !names.includes(name));
  const ticked = tick.map((text) => [boxOf(page, text)!.name, "yes"] as const);
  const fields = { ...Object.fromEntries([...kept, ...ticked]), length };
  return browser.submit(page, { ...shown!, fields }, { isEnd });
}

async function tokensOf({ attempt }: Visit, { url }: Page): Promise<TokenAnswer> {
  assert.ok(isEnd(url), url.href);
  return ok(await redeem(server.issuer, attempt, url));
}

async function signInTo(
  choice: Choice = {},
  parameters: Record<string, string> = {},
  browser = new PlainBrowser(),
) {
  const visited = await visit(parameters, browser);
  const tokens = await tokensOf(visited, await answer(visited, choice));
  return { ...tokens, browser: visited.browser, claims: claimsOf(tokens.access_token) };
}

const refreshOf = (refreshToken: string) => refresh(server.issuer, refreshToken, { client_id: "mail" });
const scopeOf = async (refreshToken: string) =>
  claimsOf(ok(await refreshOf(refreshToken)).access_token).scope;
const descriptionOf = (of: { body: string }) => JSON.parse(of.body).error_description as string;

describe("the consent page", () => {
  it("has a ticked box for each optional scope, none for what the app needs, and asks for how long", async () => {
    const { page } = await visit();
    for (const text of [EMAIL, WRITE]) assert.equal(boxOf(page, text)?.isTicked, true, text);
    for (const text of [
      "Know who you are",
      "See your profile, such as your name and your username",
      "Read your orders",
    ]) {
      assert.ok(page.body.includes(`<li>${text}</li>`), text);
      assert.equal(boxOf(page, text), undefined);
    }
    assert.equal(page.forms[0]!.fields.length, "always");
    assert.deepEqual(
      [...page.body.matchAll(/type="radio" name="length" value="(\w+)"/g)].map(([, value]) => value),
      ["always", "month", "hour", "once"],
    );
  });

  it("gives all that stayed ticked", async () => {
    const tokens = await signInTo();
    assert.equal(tokens.claims.scope, "orders.read orders.write");
    assert.equal(tokens.scope, "openid profile email orders.read orders.write");
  });

  it("cannot be answered without what the app needs, nor without a length of its own", async () => {
    const visited = await visit();
    const { page, browser } = visited;
    const [shown] = page.forms;
    for (const length of ["", "for ever", "constructor"]) {
      const refused = await browser.submit(
        page,
        { ...shown!, fields: { ...shown!.fields, length } },
        { isEnd },
      );
      assert.equal(refused.status, 403, length);
    }
    const { form: token, shown: digest, length } = shown!.fields;
    const bare = { form: token!, shown: digest!, length: length! };
    const done = await browser.submit(page, { ...shown!, fields: bare }, { isEnd });
    assert.equal((await tokensOf(visited, done)).scope, "openid profile orders.read");
  });

  it("is shown again when what it said is no more so", async () => {
    const visited = await visit();
    const change = (optional: readonly string[]) =>
      server.server.storage.write(async (transaction) => {
        const { clients } = server.server.oidc;
        const app = await clients.lock(transaction, "mail");
        await clients.update(transaction, "mail", { ...app, optionalScopes: optional });
      });
    await change(["email"]);
    try {
      const again = await answer(visited, { untick: [WRITE] });
      assert.ok(asks(again));
      assert.equal(boxOf(again, WRITE), undefined);
    } finally {
      await change(OPTIONAL);
    }
  });
});

describe("what was unticked", () => {
  it("is neither in the code nor in a token, nor told at userinfo", async () => {
    const visited = await visit({ resource: undefined as never, scope: "openid profile email" });
    const done = await answer(visited, { untick: [EMAIL] });
    const row = await server.server.storage.read
      .selectFrom("oidc_artefacts")
      .select("payload")
      .where("model", "=", "AuthorizationCode")
      .where("client_id", "=", "mail")
      .where("consumed_at", "is", null)
      .orderBy("expires_at", "desc")
      .executeTakeFirstOrThrow();
    assert.equal(JSON.parse(row.payload).scope, "openid profile");
    const tokens = await tokensOf(visited, done);
    assert.equal(tokens.scope, "openid profile");
    const told = await exchange(`${server.issuer}/userinfo`, {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    });
    assert.deepEqual([told.status, json<{ email?: string }>(told).email], [200, undefined]);
    assert.ok(told.body.includes("Alice"));
  });

  it("is left out of the access token, and `scope` of the answer says so", async () => {
    const tokens = await signInTo({ untick: [WRITE] });
    assert.deepEqual(
      [tokens.claims.scope, tokens.scope],
      ["orders.read", "openid profile email orders.read"],
    );
    assert.equal(await scopeOf(tokens.refresh_token), "orders.read");
  });

  it("is missing in `scope` of each answer if it is a scope of OpenID Connect, until it is allowed", async () => {
    const first = await signInTo({ untick: [EMAIL] });
    assert.equal(first.scope, "openid profile orders.read orders.write");
    const next = ok(await refreshOf(first.refresh_token));
    assert.equal(next.scope, first.scope);
    const fields = { client_id: "mail", scope: "openid orders.read" };
    const less = ok(await refresh(server.issuer, next.refresh_token, fields));
    assert.equal(less.scope, "openid orders.read");
    const again = await visit({ prompt: "consent" }, first.browser);
    const all = await tokensOf(again, await answer(again, { tick: [EMAIL] }));
    assert.equal(all.scope, "openid profile email orders.read orders.write");
    const { scope } = claimsOf(all.access_token);
    assert.equal(scope, "orders.read orders.write", "the API is told of its own permissions alone");
  });

  it("is not told by a claim that is asked for by itself", async () => {
    const claims = JSON.stringify({ id_token: { email: null, name: null } });
    const visited = await visit({ claims });
    const tokens = await tokensOf(visited, await answer(visited, { untick: [EMAIL] }));
    const idToken = claimsOf(tokens.id_token) as unknown as Record<string, unknown>;
    assert.deepEqual([idToken.name, idToken.email], ["Alice Example", undefined]);
    const next = await visit({ claims });
    const later = claimsOf((await tokensOf(next, next.page)).id_token) as unknown as Record<string, unknown>;
    assert.deepEqual([later.name, later.email], ["Alice Example", undefined]);
  });

  it("is not asked for again at the next sign-in, and stays out", async () => {
    await signInTo({ untick: [WRITE, EMAIL] });
    const next = await visit();
    assert.equal((await tokensOf(next, next.page)).scope, "openid profile orders.read");
  });

  it("is left out of a silent answer, whose `scope` says what was given", async () => {
    const { browser } = await signInTo({ untick: [WRITE] });
    const silent = await visit({ prompt: "none" }, browser);
    assert.equal((await tokensOf(silent, silent.page)).scope, "openid profile email orders.read");
  });

  it("is asked for when the app says so, unticked, and given when it is ticked", async () => {
    const { browser } = await signInTo({ untick: [WRITE] });
    const again = await visit({ prompt: "consent" }, browser);
    assert.deepEqual([boxOf(again.page, WRITE)!.isTicked, boxOf(again.page, EMAIL)!.isTicked], [false, true]);
    const tokens = await tokensOf(again, await answer(again, { tick: [WRITE] }));
    assert.equal(tokens.scope, "openid profile email orders.read orders.write");
    const next = await visit();
    assert.equal((await tokensOf(next, next.page)).scope, "openid profile email orders.read orders.write");
  });

  it("is asked for once the app cannot do without it", async () => {
    await signInTo({ untick: [WRITE] });
    const { clients } = server.server.oidc;
    const change = (optionalScopes: readonly string[]) =>
      server.server.storage.write(async (transaction) =>
        clients.update(transaction, "mail", { ...(await clients.lock(transaction, "mail")), optionalScopes }),
      );
    await change(["email"]);
    try {
      const { page } = await visit();
      assert.ok(page.body.includes(`<li>${WRITE}</li>`), page.body);
      assert.equal(boxOf(page, WRITE), undefined);
    } finally {
      await change(OPTIONAL);
    }
  });

  it("is taken from all sessions that had it: their tokens are stale, and the next refresh goes without", async () => {
    const [here, there] = [await signInTo(), await visit()];
    const other = await tokensOf(there, there.page);
    const again = await visit({ prompt: "consent" }, here.browser);
    const now = await tokensOf(again, await answer(again, { untick: [WRITE] }));
    for (const { access_token } of [here, other])
      assert.equal(verdictOf(server, access_token), "claims_changed");
    assert.equal(verdictOf(server, now.access_token), "allow");
    for (const { refresh_token } of [here, other]) assert.equal(await scopeOf(refresh_token), "orders.read");
  });

  it("at one of several APIs leaves the others as they are", async () => {
    const attempt = begin(server.issuer, { ...ALL, scope: "openid orders.read bills.read" });
    attempt.url.searchParams.append("resource", OTHER_RESOURCE);
    const browser = new PlainBrowser();
    const page = await pressFirst(browser, await browser.open(attempt.url, isEnd), ALICE);
    const done = await answer({ browser, page, attempt }, { untick: ["Read your bills"] });
    const redeemed = await token(server.issuer, {
      grant_type: "authorization_code",
      client_id: "mail",
      code: done.url.searchParams.get("code")!,
      redirect_uri: REDIRECT_URI,
      code_verifier: attempt.verifier,
      resource: RESOURCE,
    });
    assert.equal(ok(redeemed).scope, "openid orders.read");
    const billing = await refresh(server.issuer, ok(redeemed).refresh_token, {
      client_id: "mail",
      resource: OTHER_RESOURCE,
    });
    assert.equal(ok(billing).scope, "openid");
  });

  it("is unticked in a pushed request as in any other", async () => {
    const attempt = begin(server.issuer, ALL);
    const pushed = await exchange(`${server.issuer}/par`, {
      body: form(Object.fromEntries(attempt.url.searchParams)),
    });
    const { request_uri } = json<{ request_uri: string }>(pushed);
    const url = new URL("/authorize", server.issuer);
    url.search = new URLSearchParams({ client_id: "mail", request_uri }).toString();
    const browser = new PlainBrowser();
    const page = await pressFirst(browser, await browser.open(url, isEnd), ALICE);
    const visited = { browser, page, attempt };
    const tokens = await tokensOf(visited, await answer(visited, { untick: [WRITE] }));
    assert.equal(tokens.scope, "openid profile email orders.read");
  });

  it("does not bind an app that has become the operator's own", async () => {
    const { browser } = await signInTo({ untick: [WRITE] });
    const { clients } = server.server.oidc;
    const change = (firstParty: boolean) =>
      server.server.storage.write(async (transaction) =>
        clients.update(transaction, "mail", { ...(await clients.lock(transaction, "mail")), firstParty }),
      );
    await change(true);
    try {
      const own = await visit({}, browser);
      const tokens = await tokensOf(own, own.page);
      assert.equal(tokens.scope, "openid profile email orders.read orders.write");
      assert.equal(await scopeOf(tokens.refresh_token), "orders.read orders.write");
    } finally {
      await change(false);
    }
  });
});

describe("what is new in a request", () => {
  it("is asked for alone, optional or not, and the page says that the time counts for all", async () => {
    const { browser } = await signInTo(
      { untick: [WRITE] },
      { scope: "openid profile orders.read orders.write" },
    );
    const { page } = await visit({}, browser);
    assert.equal(boxOf(page, EMAIL)?.isTicked, true);
    assert.doesNotMatch(page.body, /your orders/);
    assert.match(page.body, /also for what you allowed before/);
  });

  it("is left out silently if it is optional, is not taken for declined, and is an error if it is not", async () => {
    const { browser } = await signInTo({}, { scope: "openid orders.read" });
    const silent = await visit({ prompt: "none", scope: "openid orders.read orders.write" }, browser);
    assert.equal((await tokensOf(silent, silent.page)).scope, "openid orders.read");
    const { page } = await visit({ prompt: "none", scope: "openid profile orders.read" }, browser);
    assert.equal(page.url.searchParams.get("error"), "consent_required");
    assert.ok(boxOf((await visit({}, browser)).page, WRITE));
  });
});

describe("what is allowed this time only", () => {
  it("is remembered nowhere: the next request asks again, in this session and in others", async () => {
    const { browser } = await signInTo({ length: "once", untick: [WRITE] });
    const { read } = server.server.storage;
    assert.deepEqual(await read.selectFrom("oidc_consents").selectAll().execute(), []);
    for (const at of [browser, new PlainBrowser()]) {
      const { page } = await visit({}, at);
      assert.ok(asks(page));
      assert.equal(boxOf(page, WRITE)!.isTicked, true, "nothing is remembered of what was unticked either");
    }
    const silent = await visit({ prompt: "none" }, browser);
    assert.equal(silent.page.url.searchParams.get("error"), "consent_required");
  });

  it("is refreshed as long as the session lives", async () => {
    const { refresh_token } = await signInTo({ length: "once", untick: [WRITE] });
    const next = ok(await refreshOf(refresh_token));
    server.advance(2 * HOUR_MS);
    assert.equal(await scopeOf(next.refresh_token), "orders.read");
  });

  it("comes beside what is remembered, which stays as it was", async () => {
    const { browser } = await signInTo({ untick: [WRITE] });
    const again = await visit({ prompt: "consent" }, browser);
    const once = await tokensOf(again, await answer(again, { tick: [WRITE], length: "once" }));
    assert.equal(once.scope, "openid profile email orders.read orders.write");
    assert.equal(await scopeOf(once.refresh_token), "orders.read orders.write");
    const next = await visit({}, browser);
    assert.equal((await tokensOf(next, next.page)).scope, "openid profile email orders.read");
  });

  it("declines for this time, too: tokens of this session go without, and others keep it", async () => {
    const [here, there] = [await signInTo(), await visit()];
    const other = await tokensOf(there, there.page);
    const again = await visit({ prompt: "consent" }, here.browser);
    const once = await tokensOf(again, await answer(again, { untick: [WRITE], length: "once" }));
    assert.equal(once.scope, "openid profile email orders.read");
    assert.equal(verdictOf(server, here.access_token), "claims_changed");
    assert.equal(await scopeOf(here.refresh_token), "orders.read");
    assert.equal(verdictOf(server, other.access_token), "allow");
    assert.equal(await scopeOf(other.refresh_token), "orders.read orders.write");
    const next = await visit({}, here.browser);
    assert.equal((await tokensOf(next, next.page)).scope, "openid profile email orders.read orders.write");
  });
});

describe("what is allowed for a time", () => {
  const untilOf = async () => {
    const query = server.server.storage.read.selectFrom("oidc_consents").select(["created_at", "expires_at"]);
    const { created_at, expires_at } = await query.executeTakeFirstOrThrow();
    return { seconds: Number(expires_at) - Number(created_at), at: Number(expires_at) };
  };

  it("is remembered for an hour, for 30 days, or without an end", async () => {
    for (const [length, seconds] of [
      ["hour", 3600],
      ["month", 2_592_000],
    ] as const) {
      await server.server.storage.write(({ db }) => db.deleteFrom("oidc_consents").execute());
      await signInTo({ length });
      assert.equal((await untilOf()).seconds, seconds);
      assert.ok(isEnd((await visit()).page.url));
    }
  });

  it("ends by itself: no access token lives longer, no refresh comes after it, and the app hears why", async () => {
    const tokens = await signInTo({ length: "hour" });
    const { at } = await untilOf();
    server.advance(HOUR_MS - 100_000);
    const last = ok(await refreshOf(tokens.refresh_token));
    assert.ok(last.expires_in <= 100, `${last.expires_in}`);
    assert.ok(claimsOf(last.access_token).exp <= at);
    server.advance(101_000);
    const refused = await refreshOf(last.refresh_token);
    assertRefused(refused, "invalid_grant");
    assert.match(descriptionOf(refused), /^consent_expired: .* until \d{4}-/);
  });

  it("is over for good: the user is asked again, and tokens of before stay refused", async () => {
    const before = await signInTo({ length: "hour" });
    server.advance(HOUR_MS + 1000);
    const now = await signInTo({}, {}, before.browser);
    assert.notEqual(now.claims.gid, before.claims.gid);
    assertRefused(await refreshOf(before.refresh_token), "invalid_grant");
    ok(await refreshOf(now.refresh_token));
  });

  it("does not come back by a code that was made before its end", async () => {
    const visited = await visit();
    const done = await answer(visited, { length: "hour" });
    await server.server.storage.write(({ db }) =>
      db.updateTable("oidc_grants").set({ expires_at: 1 }).where("client_id", "=", "mail").execute(),
    );
    assertRefused(await redeem(server.issuer, visited.attempt, done.url), "invalid_grant");
  });

  it("counts for every session from the answer on, and what lives longer is stale", async () => {
    const there = await signInTo();
    const here = await visit();
    await tokensOf(here, here.page);
    const again = await visit({ prompt: "consent" }, here.browser);
    await tokensOf(again, await answer(again, { length: "hour" }));
    assert.equal(verdictOf(server, there.access_token), "claims_changed");
    const { at } = await untilOf();
    const next = ok(await refreshOf(there.refresh_token));
    server.advance(HOUR_MS - 60_000);
    const last = ok(await refreshOf(next.refresh_token));
    assert.ok(claimsOf(last.access_token).exp <= at);
    server.advance(61_000);
    assertRefused(await refreshOf(last.refresh_token), "invalid_grant");
  });

  it("can be made longer by the next answer, and nothing is stale by that", async () => {
    const before = await signInTo({ length: "hour" });
    const again = await visit({ prompt: "consent" }, before.browser);
    await tokensOf(again, await answer(again));
    assert.equal(verdictOf(server, before.access_token), "allow");
    server.advance(2 * HOUR_MS);
    ok(await refreshOf(before.refresh_token));
    assert.ok(isEnd((await visit()).page.url));
  });

  it("remembers for as long what was unticked", async () => {
    await signInTo({ length: "hour", untick: [WRITE] });
    assert.ok(isEnd((await visit()).page.url));
    server.advance(HOUR_MS + 1000);
    assert.equal(boxOf((await visit()).page, WRITE)?.isTicked, true);
  });
});
