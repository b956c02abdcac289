/** An issuer below a path of a host that others are on too, with nothing in front that takes the path off. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type ClientEvent, createClient, memoryStorage } from "@portcullis/client";
import { connect } from "@portcullis/guard";
import { type Receipt, silentLog } from "@portcullis/protocol";
import { exchange, json, PlainBrowser, until } from "@portcullis/testing/end-to-end";
import {
  assertRefused,
  claimsOf,
  ok,
  passPages,
  refresh,
  signIn,
} from "../apps/auth-server/test/oidc/app.ts";
import { JsonApp, startForJson } from "../apps/auth-server/test/oidc/challenge/json-app.ts";
import { AFTER_LOGOUT, moveIssuer, REDIRECT_URI } from "../apps/auth-server/test/oidc/server-under-test.ts";
import { listen } from "../apps/auth-server/test/session-events/listen.ts";
import { EXIT } from "../apps/cli/src/index.ts";
import { runCommand, secretOf } from "../apps/cli/test/cli-under-test.ts";
import { parseConfiguration, startRelay } from "../apps/relay/src/index.ts";
import { credentialsOf, namesOf, startWorld, verdictOf, type World } from "./endings/world.ts";

const PATH = "/sign/in";
const NAMES = namesOf(0);

let world: World;
let issuer: string;
let origin: string;
before(async () => {
  world = await startWorld(1, { issuerPath: PATH });
  issuer = world.server.issuer;
  origin = new URL(issuer).origin;
  assert.equal(issuer, origin + PATH);
});
after(() => world.stop());

const CREDENTIALS = credentialsOf(NAMES.victim);

/** As an operator does, once all verifiers enforce it. */
async function endSession(sid: string): Promise<Receipt> {
  const path = `/api/v1/sessions/${sid}`;
  const answer = await world.call(issuer, { method: "DELETE", path, headers: { prefer: "wait=10" } });
  assert.equal(answer.status, 200, answer.body);
  return json<{ readonly receipt: Receipt }>(answer).receipt;
}

/** Of a page: where its links, forms and files lead. */
const targetsIn = (body: string): string[] =>
  [...body.matchAll(/ (?:href|action|src)="([^"]*)"/g)].map(([, target]) => target!);

const pathsOfCookies = (cookies: readonly string[] = []): string[] =>
  cookies.map((cookie) => /; path=([^;]+)/i.exec(cookie)![1]!);

describe("an issuer with a path", () => {
  it("signs in, is believed by gateway and guard, refreshes and signs out, and is refused at once", async () => {
    const { phone, bystander } = await world.castOf(NAMES);
    assert.deepEqual(await world.verdicts(phone.access_token, NAMES.orders), ["allow", "allow"]);
    const own = { client_id: NAMES.app };
    const refreshed = ok(await refresh(issuer, phone.refresh_token, own));
    assert.deepEqual(await world.verdicts(refreshed.access_token, NAMES.orders), ["allow", "allow"]);
    const page = await phone.browser.open(`${issuer}/logout`);
    const ended = await phone.browser.submit(page, page.forms[0]!);
    assert.match(ended.body, /<h1>Signed out<\/h1>/);
    for (const token of [phone.access_token, refreshed.access_token])
      assert.deepEqual(await world.verdicts(token, NAMES.orders), ["logged_out", "logged_out"]);
    assertRefused(await refresh(issuer, refreshed.refresh_token, own), "invalid_grant");
    assert.deepEqual(await world.verdicts(bystander.access_token, NAMES.orders), ["allow", "allow"]);
  });

  it("leads on below it from the page that tells the apps of a sign-out", async () => {
    const { phone } = await world.castOf(NAMES);
    const frontchannelLogoutUri = new URL("/signed-out", REDIRECT_URI).href;
    const changed = await world.call(issuer, {
      method: "PATCH",
      path: `/api/v1/apps/${NAMES.app}`,
      body: { frontchannelLogoutUri },
    });
    assert.equal(changed.status, 200, changed.body);
    const page = await phone.browser.open(`${issuer}/logout`);
    const ended = await phone.browser.submit(page, page.forms[0]!);
    const frame = ended.trail
      .map(({ body }) => /<iframe[^>]* src="([^"]+)"/.exec(body)?.[1])
      .find((src) => src !== undefined);
    const told = new URL((frame ?? "").replaceAll("&amp;", "&"));
    assert.equal(told.origin + told.pathname, frontchannelLogoutUri);
    assert.deepEqual(
      [told.searchParams.get("iss"), told.searchParams.get("sid")],
      [issuer, phone.claims.sid],
    );
    assert.equal(ended.url.href, `${issuer}/logout/success`);
    assert.match(ended.body, /<h1>Signed out<\/h1>/);
  });

  it("names itself in logout tokens, and tells who listens, at the address that its metadata has", async () => {
    const { phone } = await world.castOf(NAMES);
    const metadata = json<Record<string, string>>(
      await exchange(`${issuer}/.well-known/openid-configuration`),
    );
    assert.equal(metadata.portcullis_session_events_endpoint, `${issuer}/session/events`);
    const stream = await listen({ at: issuer, token: phone.id_token });
    assert.equal(stream.status, 200);
    await endSession(phone.claims.sid);
    assert.deepEqual(await stream.ended, { reason: "kicked" });
    const [token] = await world.party.tokens(`/${NAMES.app}`, phone.claims.sid);
    assert.deepEqual([token?.iss, token?.aud, token?.sub], [issuer, NAMES.app, phone.claims.sub]);
    assert.deepEqual(world.party.refused, []);
  });

  it("is followed by a relay, and by a verifier below that, before the receipt says so", async (t) => {
    const { phone, bystander } = await world.castOf(NAMES);
    const as = { issuer, clientId: "orders", clientSecret: secretOf("orders") };
    const listening = { listen: { host: "127.0.0.1", port: 0 } };
    const configuration = parseConfiguration(JSON.stringify({ ...as, ...listening }), import.meta.dirname);
    const relay = await startRelay({ configuration, log: silentLog });
    await relay.whenReady();
    const below = { audience: NAMES.orders, name: "below", feedEndpoint: relay.endpoint, log: silentLog };
    const guard = connect({ ...as, ...below });
    t.after(async () => {
      // It gives its lease back: else the relay waits for the end of it.
      await guard.close();
      await relay.stop();
    });
    await guard.whenReady();
    assert.equal(await verdictOf(guard, phone.access_token, NAMES.orders), "allow");
    assert.equal((await endSession(phone.claims.sid)).state, "enforced");
    assert.equal(await verdictOf(guard, phone.access_token, NAMES.orders), "kicked");
    assert.equal(await verdictOf(guard, bystander.access_token, NAMES.orders), "allow");
  });

  it("serves the client of a page: sign-in, refresh, the notice of an ending, and the way out", async (t) => {
    const browser = new PlainBrowser();
    const visited: string[] = [];
    const events: ClientEvent[] = [];
    const page = { url: REDIRECT_URI, replaceUrl() {}, navigate: (url: string) => void visited.push(url) };
    const client = createClient({
      issuer,
      clientId: NAMES.app,
      redirectUri: REDIRECT_URI,
      postLogoutRedirectUri: AFTER_LOGOUT,
      scope: "openid things.read",
      resource: NAMES.orders,
      resourceServers: [],
      // Each call for a token refreshes.
      refreshBeforeExpiryMs: 86_400_000,
      sessionEvents: true,
      environment: { page, storage: memoryStorage(), sharedStorage: memoryStorage() },
    });
    t.after(() => client.close());
    client.subscribe((event) => events.push(event));
    const start = async () => {
      const callback = await passPages(browser, new URL(await client.createSignInUrl()), CREDENTIALS);
      return (await client.completeSignIn(callback.href)).user;
    };
    const { sub } = (await start())!;
    const token = await client.accessToken();
    const { iss, sid } = claimsOf(token) as ReturnType<typeof claimsOf> & { iss: string };
    assert.equal(iss, issuer);
    assert.ok(events.some(({ type }) => type === "refreshed"));
    await until(() => world.server.server.sessionStreams.size > 0, { what: "a client that listens" });
    await endSession(sid);
    await until(() => events.some(({ type }) => type === "forced-logout"), { what: "the notice" });
    assert.equal((await start())?.sub, sub);
    assert.deepEqual(await client.signOut(), { leaving: true });
    const [wayOut, ...others] = visited;
    assert.deepEqual(others, []);
    assert.ok(wayOut!.startsWith(`${issuer}/logout?`));
    const isOut = ({ href }: URL) => href.startsWith(AFTER_LOGOUT);
    const out = await browser.open(new URL(wayOut!), isOut);
    assert.ok(isOut(out.url), out.url.href);
  });

  it("is found by both ways of discovery, and says nothing of places elsewhere", async () => {
    const at = [
      `${issuer}/.well-known/openid-configuration`,
      `${origin}/.well-known/oauth-authorization-server${PATH}`,
      `${issuer}/.well-known/oauth-authorization-server`,
    ];
    for (const url of at) {
      const metadata = json<Record<string, unknown>>(await exchange(url));
      assert.equal(metadata.issuer, issuer, url);
      const urls = Object.entries(metadata).filter(([, value]) => String(value).startsWith("http"));
      assert.ok(urls.length > 8);
      for (const [name, value] of urls) assert.ok(String(value).startsWith(issuer), `${name} ${value}`);
    }
  });

  it("is nowhere outside of its path, but for the checks of its process", async () => {
    for (const path of [
      "/authorize",
      "/token",
      "/account",
      "/",
      "/sign",
      `${PATH}x/account`,
      "/api/v1/users",
    ])
      assert.equal((await exchange(origin + path)).status, 404, path);
    for (const at of [origin, issuer]) assert.equal((await exchange(`${at}/health/live`)).status, 200);
    assert.equal((await exchange(`${origin}/.well-known/openid-configuration`)).status, 404);
  });

  it("shows pages whose links, forms, files and cookies are below it", async () => {
    const browser = new PlainBrowser();
    const form = await browser.open(issuer);
    assert.equal(form.url.href, `${issuer}/account`);
    const account = await browser.submit(form, form.forms[0]!, { fill: credentialsOf(NAMES.victim) });
    assert.match(account.body, /Sign out/);
    const { browser: other } = await signIn(world.server, {
      credentials: credentialsOf(NAMES.bystander),
      parameters: { client_id: NAMES.app, resource: NAMES.orders, scope: "openid things.read" },
    });
    const pages = [
      form,
      account,
      await other.open(`${issuer}/logout`),
      await new PlainBrowser().open(`${issuer}/authorize`),
      await new PlainBrowser().open(`${issuer}/nowhere`),
    ];
    for (const { body, url, trail } of pages) {
      const targets = targetsIn(body);
      assert.ok(targets.length > 1, url.href);
      for (const target of targets) assert.ok(target.startsWith(`${PATH}/`), `${target} at ${url.href}`);
      for (const answer of trail)
        for (const path of pathsOfCookies(answer.headers["set-cookie"]))
          assert.match(path, /^\/sign\/in(?:\/|$)/, url.href);
    }
    assert.equal(
      (await exchange(origin + targetsIn(form.body).find((at) => at.endsWith(".css"))!)).status,
      200,
    );
  });

  it("is asked by the command: for users, and to end what a token says", async () => {
    const { bystander } = await world.castOf(NAMES);
    const env = {
      PORTCULLIS_ISSUER: issuer,
      PORTCULLIS_CLIENT_ID: "admin",
      PORTCULLIS_CLIENT_SECRET: secretOf("admin"),
    };
    assert.match((await runCommand("users list victim", { env })).out, /victim-0/);
    const { jti } = bystander.claims;
    const { code, err } = await runCommand(["revoke", "token", "--wait", "10", "--", jti], { env });
    assert.equal(code, EXIT.ok, err);
    const [atGateway, atGuard] = await world.verdicts(bystander.access_token, NAMES.orders);
    assert.equal(atGateway, atGuard);
    assert.notEqual(atGateway, "allow");
  });

  it("signs people in by JSON, in an app with a form of its own", async (t) => {
    const server = await startForJson((document) => moveIssuer(document, PATH));
    t.after(() => server.stop());
    const tokens = await new JsonApp(server).signIn();
    assert.equal((claimsOf(tokens.id_token) as unknown as { iss: string }).iss, server.issuer);
  });

  it("takes requests by form, and answers calls of its API with where the new thing is", async () => {
    const body = new URLSearchParams({ client_id: NAMES.app, post_logout_redirect_uri: AFTER_LOGOUT });
    const posted = await exchange(`${issuer}/logout`, { method: "POST", body });
    assert.equal(new URL(posted.headers.location!, `${issuer}/logout`).href, `${issuer}/logout?${body}`);
    const made = await world.call(issuer, {
      method: "POST",
      path: "/api/v1/users",
      body: { username: "new" },
    });
    assert.equal(made.status, 201, made.body);
    assert.equal(made.headers.location, `${PATH}/api/v1/users/${json<{ sub: string }>(made).sub}`);
  });
});
