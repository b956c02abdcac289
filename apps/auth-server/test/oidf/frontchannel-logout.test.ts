/** The modules of the plan `oidcc-frontchannel-rp-initiated-logout-certification-test-plan` of the OpenID conformance suite. */
import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import { begin, claimsOf, isEnd, signIn } from "../oidc/app.ts";
import { AFTER_LOGOUT, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";

const FRONTCHANNEL = "http://127.0.0.1:9403/frontchannel_logout";

let server: ServerUnderTest;
before(async () => {
  server = await startServer({
    change: ({ clients }) =>
      void Object.assign(clients.find(({ clientId }) => clientId === "web")!, {
        frontchannelLogoutUri: FRONTCHANNEL,
        frontchannelLogoutSessionRequired: true,
      }),
  });
});
after(() => server.stop());

it("oidcc-frontchannel-logout-discovery-endpoint-verification: discovery says that it is supported, sessions too", async () => {
  const answer = await fetch(`${server.issuer}/.well-known/openid-configuration`);
  const found = (await answer.json()) as Record<string, unknown>;
  assert.equal(found.frontchannel_logout_supported, true);
  assert.equal(found.frontchannel_logout_session_supported, true);
  assert.equal(found.end_session_endpoint, `${server.issuer}/logout`);
});

it("oidcc-frontchannel-rp-initiated-logout: the browser is given a frame with the page of the app, iss and sid, goes back with state, and is signed in no more", async () => {
  const device = await signIn(server);
  const url = new URL("/logout", server.issuer);
  const asked = {
    id_token_hint: device.id_token,
    post_logout_redirect_uri: AFTER_LOGOUT,
    state: "of-the-app",
  };
  for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
  const isBye = (at: URL) => at.href.startsWith(AFTER_LOGOUT);
  const confirm = await device.browser.open(url);
  const end = await device.browser.submit(confirm, confirm.forms[0]!, { isEnd: isBye });

  const [, frame] = /<iframe [^>]*src="([^"]+)"/.exec(end.trail.map(({ body }) => body).join())!;
  const loaded = new URL(frame!.replaceAll("&amp;", "&"));
  assert.equal(loaded.origin + loaded.pathname, FRONTCHANNEL);
  assert.equal(loaded.searchParams.get("iss"), server.issuer);
  assert.equal(loaded.searchParams.get("sid"), claimsOf(device.id_token).sid);

  assert.deepEqual([...end.url.searchParams], [["state", "of-the-app"]], "no other parameters come back");
  const again = await device.browser.open(begin(server.issuer, { prompt: "none" }).url, isEnd);
  assert.equal(again.url.searchParams.get("error"), "login_required");
});
