/** Acts that end something on a page, or in a form that a page sends. */
import assert from "node:assert/strict";
import { exchange, type Page, PlainBrowser } from "@portcullis/testing/end-to-end";
import { AUTHORIZATION_CHALLENGE_PATH, ROUTES } from "../../apps/auth-server/src/paths.ts";
import { begin, isEnd, redeem, type SignedIn } from "../../apps/auth-server/test/oidc/app.ts";
import { codeIn, JsonApp } from "../../apps/auth-server/test/oidc/challenge/json-app.ts";
import { AFTER_LOGOUT } from "../../apps/auth-server/test/oidc/server-under-test.ts";
import { api, done, type Ending, ofVictim } from "./acts.ts";
import { answered, type Cast, credentialsOf, type Names, type World } from "./world.ts";

/** What people and apps do without the API: at pages, and at endpoints of the standards. It has no dry run, and no receipt of its own. */
export interface PageAct extends Ending {
  /** The route that does it. */
  readonly route: string;
  readonly prepare?: (world: World, names: Names) => Promise<void>;
  readonly act: (cast: Cast, names: Names, world: World) => Promise<unknown>;
}

const accountOf = ({ browser }: SignedIn, { server }: World) => browser.open(`${server.issuer}/account`);

/** Sends the first form to this path, or the one that has this value. */
function send(browser: PlainBrowser, page: Page, path: string, value?: string): Promise<Page> {
  const form = page.forms.find(
    ({ action, fields }) => action === path && (value === undefined || Object.values(fields).includes(value)),
  );
  assert.ok(form, `no form ${path} ${value} in ${page.body}`);
  return browser.submit(page, form);
}

/** On the account page that somebody has open. */
const signOutDevice = async (world: World, { at, device }: Readonly<Record<"at" | "device", SignedIn>>) =>
  send(at.browser, await accountOf(at, world), "/account/sign-out-device", device.claims.sid);

const noLongerFirstParty = (world: World, { app }: Names) =>
  done(world, api("PATCH", `apps/${app}`, { firstParty: false }));

export const PAGE_ACTS: Readonly<Record<string, PageAct>> = {
  "an app that leads to the sign-out page": {
    route: `GET ${ROUTES.end_session}`,
    async act({ phone }, { app }, { server }) {
      const query = new URLSearchParams({
        client_id: app,
        id_token_hint: phone.id_token,
        post_logout_redirect_uri: AFTER_LOGOUT,
      });
      const at = new URL(`${ROUTES.end_session}?${query}`, server.issuer);
      await phone.browser.open(at, (url) => url.href.startsWith(AFTER_LOGOUT));
    },
    ends: ["phone"],
    reason: "logged_out",
  },
  "the button of the sign-out page": {
    route: `POST ${ROUTES.end_session}/confirm`,
    async act({ phone }, _names, { server }) {
      const page = await phone.browser.open(new URL(ROUTES.end_session, server.issuer));
      await phone.browser.submit(page, page.forms[0]!);
    },
    ends: ["phone"],
    reason: "logged_out",
  },
  "leaving one app on its sign-out page": {
    route: `POST ${ROUTES.end_session}/confirm`,
    prepare: noLongerFirstParty,
    async act({ laptop: { browser, id_token } }, { app }, { server }) {
      const query = new URLSearchParams({ client_id: app, id_token_hint: id_token });
      const page = await browser.open(new URL(`${ROUTES.end_session}?${query}`, server.issuer));
      const [form] = page.forms;
      const button = form?.buttons.find(({ name }) => name !== "logout");
      assert.ok(form && button, page.body);
      await browser.submit(page, form, { button });
    },
    ends: ["laptop"],
    reason: "logged_out",
  },
  "signing in on the sign-out page of another browser": {
    route: `POST ${ROUTES.end_session}/sign-in`,
    async act({ laptop }, { victim, app }, { server }) {
      const query = new URLSearchParams({ client_id: app, id_token_hint: laptop.id_token });
      const browser = new PlainBrowser();
      const page = await browser.open(new URL(`${ROUTES.end_session}?${query}`, server.issuer));
      await browser.submit(page, page.forms[0]!, { fill: credentialsOf(victim) });
    },
    ends: ["laptop", "other"],
    reason: "logged_out",
  },
  "an app that revokes its refresh token": {
    route: `POST ${ROUTES.revocation}`,
    async act({ laptop }, { app }, { server }) {
      const body = new URLSearchParams({ token: laptop.refresh_token, client_id: app });
      const revoked = await answered(() => exchange(`${server.issuer}${ROUTES.revocation}`, { body }));
      assert.equal(revoked.status, 200, revoked.body);
    },
    ends: ["laptop"],
    reason: "revoked",
  },
  "a code that is sent twice": {
    route: `POST ${ROUTES.token}`,
    async act({ laptop }, { victim, app, orders }, { server }) {
      const parameters = { client_id: app, resource: orders, scope: "openid things.read" };
      const attempt = begin(server.issuer, parameters);
      const { url } = await laptop.browser.open(attempt.url, isEnd);
      for (const status of [200, 400]) {
        const answer = await redeem(server.issuer, attempt, url);
        assert.equal(answer.status, status, `${victim}: ${answer.body}`);
      }
    },
    ends: ["laptop"],
    reason: "code_replay",
  },
  "another device on the account page": {
    route: "POST /account/sign-out-device",
    act: ({ phone, laptop }, _names, world) => signOutDevice(world, { at: phone, device: laptop }),
    ends: ["laptop", "other"],
    reason: "kicked",
  },
  "this device on the account page": {
    route: "POST /account/sign-out-device",
    act: ({ phone }, _names, world) => signOutDevice(world, { at: phone, device: phone }),
    ends: ["phone"],
    reason: "logged_out",
  },
  "all devices on the account page": {
    endsTokensOf: ["victim"],
    route: "POST /account/sign-out-everywhere",
    act: async ({ phone }, _names, world) =>
      send(phone.browser, await accountOf(phone, world), "/account/sign-out-everywhere"),
    ends: ofVictim,
    reason: "logged_out",
  },
  "all other devices on the account page": {
    route: "POST /account/sign-out-others",
    act: async ({ phone }, _names, world) =>
      send(phone.browser, await accountOf(phone, world), "/account/sign-out-others"),
    ends: ["laptop", "other"],
    reason: "kicked",
  },
  "a password that is changed on the account page": {
    route: "POST /account/password",
    async act({ phone: { browser } }, { victim }, { server }) {
      const password = "another horse battery staple";
      const page = await browser.open(`${server.issuer}/account/password`);
      const fill = { ...credentialsOf(victim), newPassword: password, repeatedPassword: password };
      const changed = await browser.submit(page, page.forms[0]!, { fill });
      assert.equal(changed.url.pathname, "/account", changed.body);
    },
    ends: ["laptop", "other"],
    reason: "password_changed",
  },
  "an account that is deleted on its page": {
    endsTokensOf: ["victim"],
    route: "POST /account/delete",
    async act({ phone: { browser } }, { victim }, { server }) {
      const page = await browser.open(`${server.issuer}/account/delete`);
      const gone = await browser.submit(page, page.forms[0]!, { fill: credentialsOf(victim) });
      assert.equal(gone.url.pathname, "/account/signed-out", gone.body);
    },
    ends: ofVictim,
    reason: "account_deleted",
  },
  "a token for scripts that is ended on its page": {
    route: "POST /account/tokens/end",
    endsTokensOf: ["victim"],
    async act({ phone: { browser } }, _names, { server }) {
      const page = await browser.open(`${server.issuer}/account/tokens`);
      const ended = await send(browser, page, "/account/tokens/end");
      assert.match(ended.body, /has ended\./);
    },
    ends: [],
    reason: "revoked",
  },
  "an app that loses its consent on the account page": {
    route: "POST /account/withdraw",
    prepare: noLongerFirstParty,
    act: async ({ phone }, { app }, world) =>
      send(phone.browser, await accountOf(phone, world), "/account/withdraw", app),
    ends: ["phone", "laptop"],
    reason: "consent_withdrawn",
  },
  "an app of the operator's that is left on the account page": {
    route: "POST /account/withdraw",
    act: async ({ phone }, { app }, world) =>
      send(phone.browser, await accountOf(phone, world), "/account/withdraw", app),
    ends: ["phone", "laptop"],
    reason: "logged_out",
  },
  "somebody else who signs in on the way to an app": {
    route: "POST /interaction/{uid}",
    async act({ phone: { browser } }, { bystander, app, orders }, { server }) {
      const parameters = { client_id: app, resource: orders, scope: "openid things.read", prompt: "login" };
      const page = await browser.open(begin(server.issuer, parameters).url, isEnd);
      const between = await browser.submit(page, page.forms[0]!, { fill: credentialsOf(bystander), isEnd });
      // The library's form that a script sends: out with the one, in with the other.
      const there = await browser.submit(between, between.forms[0]!, { isEnd });
      assert.ok(isEnd(there.url), there.body);
    },
    ends: ["phone"],
    reason: "logged_out",
  },
  "a password that must be changed at the next sign-in, which is one by JSON": {
    route: `POST ${AUTHORIZATION_CHALLENGE_PATH}`,
    async act(_cast, { victim, app, orders }, world) {
      await done(world, api("PATCH", `apps/${app}`, { jsonSignIn: true }));
      await done(world, api("PATCH", `users/${victim}`, { mustChangePassword: true }));
      const asks = { resource: orders, scope: "openid things.read" };
      const byJson = new JsonApp(world.server, { clientId: app, asks });
      const asked = await byJson.begin(credentialsOf(victim));
      codeIn(await byJson.goOn(asked, { new_password: "another horse battery staple" }));
    },
    ends: ofVictim,
    reason: "password_changed",
  },
  "a password that must be changed at the next sign-in": {
    endsTokensOf: ["victim"],
    route: "POST /account/sign-in",
    async act(_cast, { victim }, world) {
      await done(world, api("PATCH", `users/${victim}`, { mustChangePassword: true }));
      const browser = new PlainBrowser();
      const page = await browser.open(`${world.server.issuer}/account`);
      const asked = await browser.submit(page, page.forms[0]!, { fill: credentialsOf(victim) });
      const password = "another horse battery staple";
      const changed = await browser.submit(asked, asked.forms[0]!, {
        fill: { newPassword: password, repeatedPassword: password },
      });
      assert.equal(changed.url.pathname, "/account", changed.body);
    },
    ends: ofVictim,
    reason: "password_changed",
  },
};
