/** OpenID Connect Front-Channel Logout 1.0: which apps are told by a page of theirs, of what, and where the browser goes on to. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Page, PlainBrowser } from "@portcullis/testing/end-to-end";
import { FRONTCHANNEL_LOGOUT_URI } from "../../src/apps/app-settings.ts";
import { appsToTell, pathThroughApps } from "../../src/sign-out/front-channel.ts";
import { ask, done, startAdministered } from "../api/administrator.ts";
import { refresh, type SignedIn, signIn, verdictOf } from "../oidc/app.ts";
import { AFTER_LOGOUT, ALICE, type ServerUnderTest } from "../oidc/server-under-test.ts";

const SHOP = "http://127.0.0.1:9403/front-channel?shop=1";
const OTHER = "http://127.0.0.1:9403/other";
const BARE = "http://127.0.0.1:9403/bare";
const SILENT = "silent";

let server: ServerUnderTest;
before(async () => {
  server = await startAdministered(({ clients }) => {
    const like = clients.find(({ clientId }) => clientId === "other")!;
    clients.push({ ...like, clientId: SILENT }, { ...like, clientId: "bare" });
    const told = (clientId: string, settings: object) =>
      Object.assign(clients.find((client) => client.clientId === clientId)!, settings);
    told("web", { frontchannelLogoutUri: SHOP });
    told("other", { frontchannelLogoutUri: OTHER });
    told("bare", { frontchannelLogoutUri: BARE, frontchannelLogoutSessionRequired: false });
  });
});
after(() => server.stop());

const isBye = (url: URL) => url.href.startsWith(AFTER_LOGOUT);
const isOfApps = ({ body }: { readonly body: string }) => body.includes("<iframe");

function logoutUrl({ id_token }: SignedIn, parameters: Record<string, string> = {}): URL {
  const url = new URL("/logout", server.issuer);
  const all = {
    id_token_hint: id_token,
    post_logout_redirect_uri: AFTER_LOGOUT,
    state: "xyz",
    ...parameters,
  };
  for (const [name, value] of Object.entries(all)) url.searchParams.set(name, value);
  return url;
}

/** As far as the page that tells the apps, and on from it as its browser would. */
async function signOut(device: SignedIn, parameters: Record<string, string> = {}): Promise<Page> {
  const page = await device.browser.open(logoutUrl(device, parameters), isBye);
  return page.forms[0] === undefined ? page : device.browser.submit(page, page.forms[0], { isEnd: isBye });
}

const tellingPage = ({ trail }: Page) => trail.find(isOfApps);
const framesIn = (page: Page): string[] =>
  [...(tellingPage(page)?.body ?? "").matchAll(/<iframe [^>]*src="([^"]+)"/g)].map(([, address]) =>
    address!.replaceAll("&amp;", "&"),
  );

const inSession = (browser: PlainBrowser, clientId: string) =>
  signIn(server, { browser, parameters: { client_id: clientId } });

describe("a sign-out", () => {
  it("loads the pages of the apps in the session, with issuer and session, and leads back to the app", async () => {
    const device = await signIn(server);
    for (const clientId of ["other", "bare", SILENT]) await inSession(device.browser, clientId);
    const page = await signOut(device);
    const about = `iss=${encodeURIComponent(server.issuer)}&sid=${device.claims.sid}`;
    assert.deepEqual(framesIn(page), [BARE, `${OTHER}?${about}`, `${SHOP}&${about}`]);
    assert.equal(page.url.href, `${AFTER_LOGOUT}?state=xyz`);
    assert.equal(verdictOf(server, device.access_token), "logged_out");
  });

  it("loads none of an app that was not in the session, or that has left it", async () => {
    const device = await signIn(server);
    const other = await inSession(device.browser, "other");
    await inSession((await signIn(server)).browser, "bare");
    await server.server.oidc.endings.endGrant(other.claims.gid, "consent_withdrawn");
    const page = await signOut(device);
    assert.equal(framesIn(page).length, 1);
    assert.ok(framesIn(page)[0]!.startsWith(SHOP));
  });

  it("frames these origins alone, and lets them neither be led by this page nor lead it", async () => {
    const page = tellingPage(await signOut(await signIn(server)))!;
    const policy = String(page.headers["content-security-policy"]).split("; ");
    assert.deepEqual(
      policy.filter((directive) => /^(default|frame|script)/.test(directive)),
      [
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
        "frame-src http://127.0.0.1:9403",
      ],
    );
    assert.match(
      page.body,
      /sandbox="allow-forms allow-same-origin allow-scripts" referrerpolicy="no-referrer"/,
    );
    assert.equal(page.headers["referrer-policy"], "no-referrer");
  });

  it("needs no script to go on: it refreshes by itself, and has a link", async () => {
    const { body } = tellingPage(await signOut(await signIn(server)))!;
    assert.match(
      body,
      /<meta http-equiv="refresh" content="0; url=http:\/\/127\.0\.0\.1:9403\/bye\?state=xyz">/,
    );
    assert.match(body, /<a href="http:\/\/127\.0\.0\.1:9403\/bye\?state=xyz">Continue<\/a>/);
  });

  it("says that it is done where no app is to be led back to", async () => {
    const device = await signIn(server);
    const url = logoutUrl(device);
    url.searchParams.delete("post_logout_redirect_uri");
    const asked = await device.browser.open(url);
    const page = await device.browser.submit(asked, asked.forms[0]!);
    assert.equal(framesIn(page).length, 1);
    assert.match(page.body, /<h1>Signed out<\/h1>/);
  });

  it("has ended everything before a page of an app is loaded, and a reload ends nothing more", async () => {
    const device = await signIn(server);
    const asked = await device.browser.open(logoutUrl(device));
    const answer = await device.browser.request(new URL(asked.forms[0]!.action, asked.url), {
      method: "POST",
      body: new URLSearchParams({ ...asked.forms[0]!.fields, logout: "yes" }),
      headers: { origin: server.issuer },
    });
    assert.equal(answer.status, 303);
    assert.match(String(answer.headers["portcullis-receipt"]), /state=enforced/);
    assert.equal((await refresh(server.issuer, device.refresh_token)).status, 400);
    const head = server.server.storage.log.head();
    const address = new URL(String(answer.headers.location), server.issuer);
    for (let loads = 0; loads < 2; loads++) assert.ok(isOfApps(await device.browser.request(address)));
    assert.equal(server.server.storage.log.head(), head);
  });

  it("of one app alone tells no other", async () => {
    const device = await signIn(server);
    await inSession(device.browser, "other");
    const asked = await device.browser.open(logoutUrl(device));
    const only = asked.forms[0]!.buttons.find(({ name }) => name === undefined)!;
    const page = await device.browser.submit(asked, asked.forms[0]!, { button: only, isEnd: isBye });
    assert.deepEqual(framesIn(page), []);
    assert.ok(isBye(page.url), page.body);
  });

  it("by signing in on its page, in a browser without the session, tells the apps of that session", async () => {
    const device = await signIn(server);
    const stranger = new PlainBrowser();
    const page = await stranger.open(logoutUrl(device), isBye);
    assert.equal(page.forms[0]!.hasPassword, true);
    const ended = await stranger.submit(page, page.forms[0]!, { fill: ALICE, isEnd: isBye });
    assert.match(framesIn(ended)[0]!, new RegExp(`sid=${device.claims.sid}`));
    assert.equal(verdictOf(server, device.access_token), "logged_out");
  });

  it("goes by the settings of the moment: an app that has no page any more is passed over", async () => {
    const device = await signIn(server);
    await done(server, ["PATCH", "apps/web"], { body: { frontchannelLogoutUri: null } });
    assert.deepEqual(framesIn(await signOut(device)), []);
    await done(server, ["PATCH", "apps/web"], { body: { frontchannelLogoutUri: SHOP } });
    assert.equal(framesIn(await signOut(await signIn(server))).length, 1);
  });
});

describe("the account page", () => {
  async function press(device: SignedIn, path: string, sid?: string): Promise<Page> {
    const account = await device.browser.open(new URL("/account", server.issuer));
    const form = account.forms.find(
      ({ action, fields }) => action.endsWith(path) && (sid === undefined || fields.device === sid),
    );
    assert.ok(form, account.body);
    return device.browser.submit(account, form);
  }

  const endings = {
    "signing out of this browser": (device: SignedIn) => press(device, "/sign-out-device", device.claims.sid),
    "signing out everywhere": (device: SignedIn) => press(device, "/sign-out-everywhere"),
  };
  for (const [what, end] of Object.entries(endings))
    it(`loads the pages of the apps in this browser's session: ${what}`, async () => {
      await inSession((await signIn(server)).browser, "bare");
      const device = await signIn(server);
      const page = await end(device);
      const about = `iss=${encodeURIComponent(server.issuer)}&sid=${device.claims.sid}`;
      assert.deepEqual(framesIn(page), [`${SHOP}&${about}`]);
      assert.equal(page.url.pathname, "/account/signed-out");
      assert.match(page.body, /<h1>Signed out<\/h1>/);
      assert.equal(verdictOf(server, device.access_token), "logged_out");
    });

  it("loads none for a sign-out of another device, whose cookies it has not", async () => {
    const [here, lost] = [await signIn(server), await signIn(server)];
    const page = await press(here, "/sign-out-device", lost.claims.sid);
    assert.deepEqual(framesIn(page), []);
    assert.equal(page.url.pathname, "/account");
    assert.equal(verdictOf(server, lost.access_token), "kicked");
  });
});

describe("the page that tells the apps", () => {
  it("is about thirty at most, however many sessions end: its address would be too long for a proxy", async () => {
    const apps = {
      clientsIn: async (sid: string) => Array.from({ length: 20 }, (_, app) => `${sid}-${app}`),
      findClient: async () => ({ [FRONTCHANNEL_LOGOUT_URI]: SHOP }) as never,
    };
    const told = await appsToTell(apps, "b", await appsToTell(apps, "a"));
    assert.deepEqual([told.apps.length, told.apps.filter(({ sid }) => sid === "a").length], [30, 20]);
    assert.equal(told.untold, 10);
  });

  it("says how many it does not tell, and stays until that is read", async () => {
    const about = { apps: [{ clientId: "web", sid: "x" }], untold: 10, leadTo: "/account" };
    const path = pathThroughApps(server.server.oidc.forms, about);
    const { body } = await new PlainBrowser().request(`${server.issuer}${path}`);
    assert.match(body, /10 apps are not told, because you used so many\./);
    assert.match(body, /<a href="\/account">Continue<\/a>/);
    assert.match(body, /<iframe /);
    assert.doesNotMatch(body, /http-equiv="refresh"|<script/);
  });

  it("leads nowhere, and frames nothing, that this server has not written itself", async () => {
    const telling = { apps: [{ clientId: "web", sid: "x" }], leadTo: "https://evil.example/" };
    const request = Buffer.from(JSON.stringify(telling)).toString("base64url");
    for (const query of ["", `?request=${request}`, `?request=${request}&xsrf=x`]) {
      const answer = await fetch(`${server.issuer}/logout/apps${query}`, { redirect: "manual" });
      assert.deepEqual([answer.status, answer.headers.get("location")], [303, "/logout"]);
    }
  });

  it("takes no seal of another page of ours", async () => {
    const device = await signIn(server);
    const { fields } = (await device.browser.open(logoutUrl(device))).forms[0]!;
    const query = new URLSearchParams(fields as Record<string, string>);
    const answer = await device.browser.request(`${server.issuer}/logout/apps?${query}`);
    assert.deepEqual([answer.status, answer.headers.location], [303, "/logout"]);
  });
});

describe("the address of such a page", () => {
  const statusFor = async (frontchannelLogoutUri: string) =>
    (await ask(server, ["PATCH", "apps/other"], { body: { frontchannelLogoutUri } })).status;

  it("has the origin of a redirect URI, https off this machine, and no fragment", async () => {
    for (const wrong of [
      "https://elsewhere.example/logout",
      "http://127.0.0.1:9404/logout",
      "http://elsewhere.example/logout",
      "http://127.0.0.1:9403/logout#x",
      "javascript:alert(1)",
    ])
      assert.equal(await statusFor(wrong), 400, wrong);
    assert.equal(await statusFor(OTHER), 200);
  });
});
