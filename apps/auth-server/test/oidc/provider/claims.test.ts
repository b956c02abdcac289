/** What apps are told of a user: by scopes, by the parameter `claims`, in ID tokens and at UserInfo. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { exchange, json, type Page, PlainBrowser } from "@portcullis/testing/end-to-end";
import { claimsBeyond } from "../../../src/oidc/state/claims-of-scopes.ts";
import { callApi, startForScopes } from "../../api/call-api.ts";
import {
  type Attempt,
  begin,
  claimsOf,
  isEnd,
  ok,
  passPages,
  pressFirst,
  redeem,
  refresh,
  signIn,
} from "../app.ts";
import { ALICE, BOB, type ServerUnderTest } from "../server-under-test.ts";

const PROFILE = {
  givenName: "Alice",
  familyName: "Example",
  middleName: "M.",
  nickname: "Al",
  profileUrl: "https://example.com/alice",
  website: "https://alice.example",
  gender: "female",
  birthdate: "0000-04-01",
  zoneinfo: "Europe/Berlin",
  phoneNumber: "+14255551212",
  phoneNumberVerified: true,
  address: {
    formatted: "1 Main Street\nSpringfield",
    streetAddress: "1 Main Street",
    locality: "Springfield",
    postalCode: "12345",
  },
};
const ADDRESS = {
  formatted: "1 Main Street\nSpringfield",
  street_address: "1 Main Street",
  locality: "Springfield",
  postal_code: "12345",
};

let server: ServerUnderTest;
before(async () => {
  server = await startForScopes(["users.read", "users.write"], {
    change: ({ clients }) => {
      const web = clients.find(({ clientId }) => clientId === "web")!;
      clients.push({ ...web, clientId: "granular", optionalScopes: ["email", "phone"] } as never);
      clients.push({ ...web, clientId: "own", firstParty: true } as never);
    },
  });
  const picture = "https://example.com/alice.png";
  const body = { profile: PROFILE, picture, locale: "en" };
  const scope = "users.write";
  const headers = { "content-type": "application/merge-patch+json" };
  const answer = await callApi(server, "users/alice", { method: "PATCH", scope, body, headers });
  assert.equal(answer.status, 200, answer.body);
});
after(() => server.stop());
beforeEach(() => server.server.storage.write(({ db }) => db.deleteFrom("oidc_consents").execute()));

type Told = Record<string, unknown>;
type Tokens = { readonly access_token: string; readonly id_token: string };

const withoutResource = (parameters: Record<string, string | undefined>): Record<string, string> => ({
  ...parameters,
  resource: undefined as never,
});

async function toldTo({ access_token, id_token }: Tokens): Promise<{ idToken: Told; userinfo: Told }> {
  const headers = { authorization: `Bearer ${access_token}` };
  const answer = await exchange(`${server.issuer}/userinfo`, { headers });
  assert.equal(answer.status, 200, answer.body);
  return { idToken: claimsOf(id_token) as unknown as Told, userinfo: json<Told>(answer) };
}

const asClaims = (claims: object): string => JSON.stringify(claims);

const signedIn = (parameters: Record<string, string>, options: { browser?: PlainBrowser } = {}) =>
  signIn(server, { ...options, parameters: withoutResource(parameters) });

describe("scopes of OpenID Connect", () => {
  it("tell what is known of the user, the same in the ID token as at UserInfo", async () => {
    const tokens = await signedIn({ scope: "openid profile email address phone" });
    const { idToken, userinfo } = await toldTo(tokens);
    const { sub, updated_at, ...rest } = userinfo;
    assert.equal(sub, idToken.sub);
    assert.ok(Number.isInteger(updated_at));
    assert.deepEqual(rest, {
      name: "Alice Example",
      given_name: "Alice",
      family_name: "Example",
      middle_name: "M.",
      nickname: "Al",
      preferred_username: "alice",
      profile: "https://example.com/alice",
      picture: "https://example.com/alice.png",
      website: "https://alice.example",
      gender: "female",
      birthdate: "0000-04-01",
      zoneinfo: "Europe/Berlin",
      locale: "en",
      email: "alice@example.com",
      email_verified: true,
      phone_number: "+14255551212",
      phone_number_verified: true,
      address: ADDRESS,
    });
    for (const [name, value] of Object.entries(userinfo)) assert.deepEqual(idToken[name], value, name);
  });

  it("are in the ID token with a resource as without one, and in no access token", async () => {
    const tokens = await signIn(server, { parameters: { scope: "openid email orders.read" } });
    assert.equal((claimsOf(tokens.id_token) as unknown as Told).email, "alice@example.com");
    assert.equal("email" in claimsOf(tokens.access_token), false);
  });

  it("tell nothing beyond themselves", async () => {
    const { idToken, userinfo } = await toldTo(await signedIn({ scope: "openid phone" }));
    for (const told of [idToken, userinfo])
      for (const name of ["email", "address", "name", "given_name"]) assert.equal(name in told, false, name);
    assert.equal(userinfo.phone_number, PROFILE.phoneNumber);
  });

  it("are listed by discovery with their claims", async () => {
    const { scopes_supported, claims_supported, claims_parameter_supported, acr_values_supported } = json<
      Record<string, unknown>
    >(await exchange(`${server.issuer}/.well-known/openid-configuration`));
    assert.deepEqual(scopes_supported, ["openid", "profile", "email", "address", "phone", "offline_access"]);
    for (const claim of ["address", "phone_number", "birthdate", "email_verified", "acr", "auth_time"])
      assert.ok((claims_supported as string[]).includes(claim), claim);
    assert.equal(claims_parameter_supported, true);
    assert.deepEqual(acr_values_supported, ["urn:portcullis:acr:1"]);
  });
});

describe("the parameter claims", () => {
  it("brings a claim to where it is asked for, and nowhere else", async () => {
    const claims = asClaims({
      userinfo: { given_name: { essential: true }, phone_number: null },
      id_token: { nickname: null, auth_time: { essential: true }, acr: null },
    });
    const { idToken, userinfo } = await toldTo(await signedIn({ scope: "openid", claims }));
    assert.equal(userinfo.given_name, "Alice");
    assert.equal(userinfo.phone_number, PROFILE.phoneNumber);
    assert.equal("nickname" in userinfo, false);
    assert.equal(idToken.nickname, "Al");
    assert.equal("given_name" in idToken, false);
    assert.ok(Number.isInteger(idToken.auth_time));
    assert.equal(idToken.acr, "urn:portcullis:acr:1");
  });

  it("is asked about, claim by claim, once for what a scope gives as well", async () => {
    const claims = asClaims({ userinfo: { email: null, nickname: null, acr: null } });
    const { page } = await asked({ scope: "openid email", claims });
    assert.match(page.body, /See your e-mail address/);
    assert.match(page.body, /See your nickname/);
    assert.doesNotMatch(page.body, /See your email|See your acr/);
  });

  it("is asked about no more once it was allowed, and all of it is shown when the app has the user asked", async () => {
    const parameters = { scope: "openid", claims: asClaims({ userinfo: { nickname: null } }) };
    const { browser } = await signedIn(parameters);
    const silent = await browser.open(begin(server.issuer, withoutResource(parameters)).url, isEnd);
    assert.ok(silent.url.searchParams.has("code"), silent.body);
    const again = begin(server.issuer, withoutResource({ ...parameters, prompt: "consent" }));
    assert.match((await browser.open(again.url, isEnd)).body, /See your nickname/);
  });

  it("asks about nothing that a scope has brought before", async () => {
    const { browser } = await signedIn({ scope: "openid email" });
    const claims = asClaims({ userinfo: { email: null }, id_token: { email: null } });
    const attempt = begin(server.issuer, withoutResource({ scope: "openid email", claims, prompt: "none" }));
    const { url } = await browser.open(attempt.url, isEnd);
    const told = await toldTo(ok(await redeem(server.issuer, attempt, url)));
    assert.equal(told.userinfo.email, "alice@example.com");
    assert.equal(told.idToken.email, "alice@example.com");
  });

  it("is asked about where its scope was granted before, and is not asked for now", async () => {
    const { browser } = await signedIn({ scope: "openid email" });
    const claims = asClaims({ userinfo: { email: null } });
    const attempt = begin(server.issuer, withoutResource({ scope: "openid", claims }));
    const page = await browser.open(attempt.url, isEnd);
    assert.match(page.body, /See your email/);
    const { url } = await browser.submit(page, page.forms[0]!, { isEnd });
    const { userinfo } = await toldTo(ok(await redeem(server.issuer, attempt, url)));
    assert.equal(userinfo.email, "alice@example.com");
  });

  it("brings nothing that the user has declined", async () => {
    const claims = asClaims({ userinfo: { email: null, phone_number: null }, id_token: { email: null } });
    const scope = "openid profile email";
    const { browser, page, attempt } = await asked({ client_id: "granular", scope, claims });
    // Nothing is ticked: what can be declined is.
    const [shown] = page.forms;
    const kept = Object.entries(shown!.fields).filter(([name]) => !name.startsWith("allow-"));
    const { url } = await browser.submit(page, { ...shown!, fields: Object.fromEntries(kept) }, { isEnd });
    const { idToken, userinfo } = await toldTo(ok(await redeem(server.issuer, attempt, url)));
    for (const told of [idToken, userinfo])
      for (const name of ["email", "phone_number"]) assert.equal(name in told, false, name);
    assert.equal(userinfo.name, "Alice Example");
  });

  it("with the sub of another user is answered with an error, or with a sign-in as that user", async () => {
    const { browser } = await signedIn({ scope: "openid" });
    const sub = (await server.server.people.users.findByName(BOB.username))!.id;
    for (const claims of ["id_token", "userinfo"].flatMap((member) =>
      [{ value: sub }, { values: [sub] }].map((wanted) => asClaims({ [member]: { sub: wanted } })),
    )) {
      const parameters = { scope: "openid", claims };
      const silent = begin(server.issuer, withoutResource({ ...parameters, prompt: "none" }));
      const { url } = await browser.open(silent.url, isEnd);
      assert.equal(url.searchParams.get("error"), "login_required");
      const other = new PlainBrowser();
      const attempt = begin(server.issuer, withoutResource(parameters));
      const form = await other.open(attempt.url, isEnd);
      const refused = await pressFirst(other, form, ALICE);
      assert.match(refused.body, /asks for another account/, refused.url.href);
      const callback = await passPages(new PlainBrowser(), attempt.url, BOB);
      assert.equal((await toldTo(ok(await redeem(server.issuer, attempt, callback)))).idToken.sub, sub);
    }
  });

  it("with an essential acr that there is not is answered with an error, and one that there is with a code", async () => {
    const { browser } = await signedIn({ scope: "openid" });
    const visit = async (acr: object) => {
      const claims = asClaims({ id_token: { acr } });
      const attempt = begin(server.issuer, withoutResource({ scope: "openid", claims }));
      return (await browser.open(attempt.url, isEnd)).url.searchParams;
    };
    for (const wanted of [{ value: "gold" }, { values: ["gold", "silver"] }])
      assert.equal(
        (await visit({ essential: true, ...wanted })).get("error"),
        "unmet_authentication_requirements",
      );
    assert.equal((await visit({ essential: true, values: "gold" })).get("error"), "invalid_request");
    for (const wanted of [
      { values: ["gold"] },
      { essential: true, values: ["gold", "urn:portcullis:acr:1"] },
    ])
      assert.ok((await visit(wanted)).has("code"));
  });

  it("that is no such object is refused", async () => {
    const nested = (levels: number) =>
      `{"userinfo":{"x":${'{"x":'.repeat(levels)}null${"}".repeat(levels)}}}`;
    const wrong = [
      "{",
      "[]",
      "{}",
      '{"userinfo":[]}',
      '{"id_token":{"sub":"x"}}',
      '{"id_token":{"sub":{"values":"x"}}}',
    ];
    for (const claims of [...wrong, nested(10)]) {
      const { url } = begin(server.issuer, withoutResource({ scope: "openid", claims }));
      const page = await new PlainBrowser().open(url, isEnd);
      assert.equal(page.url.searchParams.get("error"), "invalid_request", claims);
    }
    const { url } = begin(server.issuer, withoutResource({ scope: "openid", claims: nested(2500) }));
    const ahead = await exchange(`${server.issuer}/par`, { body: url.searchParams });
    assert.equal(ahead.status, 400, ahead.body);
    assert.equal(json<{ error: string }>(ahead).error, "invalid_request");
  });
});

describe("a scope that has come to tell more since it was allowed", () => {
  const scope = "openid profile";
  const nameAlone = ({ idToken, userinfo }: Record<"idToken" | "userinfo", Told>) =>
    [idToken, userinfo].map((told) => [told.name, told.given_name]);
  const BEFORE = ["Alice Example", undefined];
  const TODAY = ["Alice Example", "Alice"];

  it("tells what it told, and more once its user was asked again", async () => {
    const app = await signedIn({ scope });
    await forgetEditions();
    const refreshed = ok(await refresh(server.issuer, app.refresh_token));
    assert.deepEqual(nameAlone(await toldTo(refreshed)), [BEFORE, BEFORE]);
    const silent = begin(server.issuer, withoutResource({ scope, prompt: "none" }));
    const { url: refused } = await app.browser.open(silent.url, isEnd);
    assert.equal(refused.searchParams.get("error"), "consent_required");
    const attempt = begin(server.issuer, withoutResource({ scope }));
    const page = await app.browser.open(attempt.url, isEnd);
    assert.match(page.body, /See your profile/);
    const { url } = await app.browser.submit(page, page.forms[0]!, { isEnd });
    assert.deepEqual(nameAlone(await toldTo(ok(await redeem(server.issuer, attempt, url)))), [TODAY, TODAY]);
    const next = ok(await refresh(server.issuer, refreshed.refresh_token));
    assert.deepEqual(nameAlone(await toldTo(next)), [TODAY, TODAY]);
    const again = begin(server.issuer, withoutResource({ scope }));
    assert.ok(
      (await app.browser.open(again.url, isEnd)).url.searchParams.has("code"),
      "and not asked for ever",
    );
  });

  it("is asked about at each request where it was allowed for one time", async () => {
    const { browser } = await signedIn({ scope });
    await forgetEditions();
    for (let time = 0; time < 2; time++) {
      const page = await browser.open(begin(server.issuer, withoutResource({ scope })).url, isEnd);
      assert.match(page.body, /See your profile/);
      const { url } = await browser.submit(page, page.forms[0]!, { fill: { length: "once" }, isEnd });
      assert.ok(url.searchParams.has("code"), url.href);
    }
  });

  it("is asked about on the next device, and not where the app does not ask for it", async () => {
    const app = await signedIn({ scope });
    await forgetEditions();
    const { page } = await asked({ scope });
    assert.match(page.body, /See your profile/);
    const less = begin(server.issuer, withoutResource({ scope: "openid" }));
    assert.ok((await app.browser.open(less.url, isEnd)).url.searchParams.has("code"));
    const refreshed = ok(await refresh(server.issuer, app.refresh_token));
    assert.deepEqual(nameAlone(await toldTo(refreshed)), [BEFORE, BEFORE], "it goes on as it was");
  });

  it("tells it at the next sign-in to an app of the operator's own, whose users are not asked", async () => {
    const own = { client_id: "own" };
    const app = await signedIn({ ...own, scope });
    await forgetEditions();
    const refreshed = ok(await refresh(server.issuer, app.refresh_token, own));
    assert.deepEqual(nameAlone(await toldTo(refreshed)), [BEFORE, BEFORE]);
    const attempt = begin(server.issuer, withoutResource({ ...own, scope }));
    const { url } = await app.browser.open(attempt.url, isEnd);
    assert.deepEqual(nameAlone(await toldTo(ok(await redeem(server.issuer, attempt, url)))), [TODAY, TODAY]);
  });

  it("has an edition for each time, none of which changes", () => {
    const told = ["given_name", "family_name", "middle_name", "nickname", "profile", "website", "gender"];
    assert.deepEqual(claimsBeyond("profile", 0), [...told, "birthdate", "zoneinfo", "updated_at"]);
    for (const name of ["openid", "email", "address", "phone"]) assert.deepEqual(claimsBeyond(name, 0), []);
  });
});

/** As rows are of before there were editions of scopes. */
const forgetEditions = () =>
  server.server.storage.write(async ({ db }) => {
    for (const { account_id, client_id, allowed } of await db
      .selectFrom("oidc_consents")
      .selectAll()
      .execute())
      await db
        .updateTable("oidc_consents")
        .set({ allowed: withoutEditions(allowed) })
        .where((eb) => eb.and({ account_id, client_id }))
        .execute();
    for (const { id, payload } of await db.selectFrom("oidc_grants").selectAll().execute())
      await db
        .updateTable("oidc_grants")
        .set({ payload: withoutEditions(payload) })
        .where("id", "=", id)
        .execute();
  });

function withoutEditions(text: string): string {
  const { scopeEditions: _editions, ...rest } = JSON.parse(text);
  return JSON.stringify(rest);
}

/** The consent page that is shown to a device that has just signed in. */
async function asked(
  parameters: Record<string, string>,
): Promise<{ browser: PlainBrowser; page: Page; attempt: Attempt }> {
  const browser = new PlainBrowser();
  const attempt = begin(server.issuer, withoutResource(parameters));
  const form = await browser.open(attempt.url, isEnd);
  return { browser, page: await pressFirst(browser, form, ALICE), attempt };
}
