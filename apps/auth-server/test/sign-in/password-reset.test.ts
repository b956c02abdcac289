/** A password that is reset while somebody signs in with the one of before: the sign-in opens nothing, however late the reset comes. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it, type TestContext } from "node:test";
import { PlainBrowser } from "@portcullis/testing/end-to-end";
import { callApi, startForScopes } from "../api/call-api.ts";
import { begin, isEnd, pressFirst, signIn } from "../oidc/app.ts";
import { REDIRECT_URI, RESOURCE, type ServerUnderTest } from "../oidc/server-under-test.ts";
import { makeUser } from "../people/make-user.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startForScopes(["users.read", "users.write"], {
    change: ({ clients }) => void clients.push(OWN_APP as never),
  });
});
after(() => server.stop());

const OWN_APP = {
  clientId: "own",
  name: "Own",
  firstParty: true,
  redirectUris: [REDIRECT_URI],
  postLogoutRedirectUris: [],
  grantTypes: ["authorization_code"],
  resources: { [RESOURCE]: ["orders.read"] },
};

const OLD = "a password of before";
const NEW = "a password that was reset";
let people = 0;
let user: { readonly username: string; readonly sub: string };
beforeEach(async () => {
  const username = `reset-${++people}`;
  const { users } = server.server.people;
  const parts = { users, storage: server.server.storage };
  user = { username, sub: (await makeUser(parts, { username, name: "R", password: OLD })).id };
});

async function reset(): Promise<void> {
  const body = { password: NEW };
  const answer = await callApi(server, `users/${user.sub}/password`, {
    method: "POST",
    scope: "users.write",
    body,
  });
  assert.equal(answer.status, 200, answer.body);
}

const openSessions = async () => (await server.server.oidc.sessions.devicesOf(user.sub)).length;

/** Right before the session is opened, once. */
function resetBeforeTheSave(t: TestContext): void {
  const { sessions } = server.server.oidc;
  const save = sessions.save.bind(sessions);
  let isReset = false;
  t.mock.method(sessions, "save", async (session: Parameters<typeof save>[0]) => {
    if (session.payload.accountId === user.sub && !isReset) {
      isReset = true;
      await reset();
    }
    return save(session);
  });
}

/** Right before the sign-in page's answer is kept for the request that goes on. */
function resetBeforeTheAnswer(t: TestContext): void {
  const { provider } = server.server.oidc;
  const answer = provider.interactionResult.bind(provider);
  t.mock.method(provider, "interactionResult", async (...given: Parameters<typeof answer>) => {
    await reset();
    return answer(...given);
  });
}

async function signInAt(path: URL, browser = new PlainBrowser()) {
  const form = await browser.open(path, isEnd);
  return { browser, page: await pressFirst(browser, form, { username: user.username, password: OLD }) };
}

describe("a password that is reset after it was found right", () => {
  it("opens no session at the account page", async (t) => {
    resetBeforeTheSave(t);
    const { page } = await signInAt(new URL(`${server.issuer}/account`));
    assert.equal(page.status, 422);
    assert.match(page.body, /not correct/);
    assert.equal(await openSessions(), 0);
  });

  for (const clientId of ["web", "own"])
    for (const [when, resetThen] of [
      ["before the session is opened", resetBeforeTheSave],
      ["before the page's answer is kept", resetBeforeTheAnswer],
    ] as const)
      it(`opens none on the way to the app ${clientId}: ${when}`, async (t) => {
        resetThen(t);
        const { browser, page } = await signInAt(begin(server.issuer, { client_id: clientId }).url);
        t.mock.restoreAll();
        assert.equal(page.url.searchParams.get("code"), null);
        assert.equal(await openSessions(), 0);
        const next = await browser.open(begin(server.issuer, { client_id: clientId }).url, isEnd);
        assert.ok(next.forms[0]?.hasPassword, next.body);
      });

  it("leaves the new password good, at once", async (t) => {
    resetBeforeTheSave(t);
    await signInAt(begin(server.issuer).url);
    t.mock.restoreAll();
    const { claims } = await signIn(server, { credentials: { username: user.username, password: NEW } });
    assert.equal(claims.sub, user.sub);
    assert.equal(await openSessions(), 1);
  });
});
