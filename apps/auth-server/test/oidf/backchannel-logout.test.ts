/** The modules of the plan `oidcc-backchannel-rp-initiated-logout-certification-test-plan` of the OpenID conformance suite. */
import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import { decodeProtectedHeader } from "jose";
import { begin, claimsOf, isEnd, signIn } from "../oidc/app.ts";
import { AFTER_LOGOUT, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";
import { type RelyingParty, startRelyingParty } from "../outbox/relying-party.ts";

let server: ServerUnderTest;
let party: RelyingParty;
before(async () => {
  party = await startRelyingParty({
    issuer: () => server.issuer,
    clientOf: () => "web",
    nowMs: () => server.nowMs(),
  });
  server = await startServer({
    change(document) {
      Object.assign(document, { outgoing: { privateTargets: [new URL(party.origin).host] } });
      Object.assign(document.clients.find(({ clientId }) => clientId === "web")!, {
        backchannelLogoutUri: `${party.origin}/backchannel_logout`,
        backchannelLogoutSessionRequired: true,
        idTokenAlgorithm: "RS256",
      });
    },
  });
});
after(async () => {
  await server.stop();
  await party.stop();
});

it("oidcc-backchannel-logout-discovery-endpoint-verification: discovery says that it is supported, sessions too", async () => {
  const answer = await fetch(`${server.issuer}/.well-known/openid-configuration`);
  const found = (await answer.json()) as Record<string, unknown>;
  assert.equal(found.backchannel_logout_supported, true);
  assert.equal(found.backchannel_logout_session_supported, true);
  assert.equal(found.end_session_endpoint, `${server.issuer}/logout`);
});

it("oidcc-backchannel-rp-initiated-logout: the app is sent a logout token, the browser goes back with state, and is signed in no more", async () => {
  const device = await signIn(server);
  const asked = {
    id_token_hint: device.id_token,
    post_logout_redirect_uri: AFTER_LOGOUT,
    state: "of-the-app",
  };
  const url = new URL(`/logout?${new URLSearchParams(asked)}`, server.issuer);
  const isBye = (at: URL) => at.href.startsWith(AFTER_LOGOUT);
  const confirm = await device.browser.open(url);
  const end = await device.browser.submit(confirm, confirm.forms[0]!, { isEnd: isBye });

  // The relying party has refused whatever has a wrong signature, issuer, audience, event or life, a nonce, or another parameter.
  const { sub, sid } = claimsOf(device.id_token);
  const [token] = await party.tokens("/backchannel_logout", sid);
  assert.equal(token!.sub, sub);
  assert.deepEqual(party.refused, []);
  assert.equal(party.algorithms.at(-1), decodeProtectedHeader(device.id_token).alg, "that of its ID tokens");

  assert.deepEqual([...end.url.searchParams], [["state", "of-the-app"]], "no other parameters come back");
  const again = await device.browser.open(begin(server.issuer, { prompt: "none" }).url, isEnd);
  assert.equal(again.url.searchParams.get("error"), "login_required");
});
