/** What a person does on the account page with the devices, the password and the account itself. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { type Form, type Page, PlainBrowser } from "@portcullis/testing/end-to-end";
import { assertRefused, begin, isEnd, refresh, type SignedIn, signIn, verdictOf } from "../oidc/app.ts";
import { ALICE, BOB, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";
import { LAPTOP, PHONE, signInOn } from "../sessions/session-api.ts";

let server: ServerUnderTest;
let users: readonly { id: string; username_key: string | null; password_hash: string | null }[];
before(async () => {
  server = await startServer();
  users = await server.server.storage.read.selectFrom("users").selectAll().execute();
});
after(() => server.stop());

let laptop: SignedIn;
let phone: SignedIn;
let bob: SignedIn;
beforeEach(async () => {
  await server.server.storage.write(async ({ db }) => {
    for (const table of ["oidc_grants", "oidc_sessions", "sign_in_attempts"] as const)
      await db.deleteFrom(table).execute();
    for (const { id, password_hash } of users)
      await db.updateTable("users").set({ password_hash }).where("id", "=", id).execute();
  });
  laptop = await signInOn(server, LAPTOP);
  phone = await signInOn(server, PHONE);
  bob = await signIn(server, { credentials: BOB });
});

const open = (path: string, { browser }: SignedIn = laptop) => browser.open(`${server.issuer}${path}`);

function formOf(page: Page, action: string, value?: string): Form {
  const found = page.forms.find(
    (form) => form.action === action && (value === undefined || Object.values(form.fields).includes(value)),
  );
  assert.ok(found, `no form ${action} in ${page.body}`);
  return found;
}

/** From the page where the form is, with what is typed in. */
async function send(
  path: string,
  fill: Record<string, string> = {},
  at = "/account",
  value?: string,
): Promise<Page> {
  const page = await open(at);
  return laptop.browser.submit(page, formOf(page, path, value), { fill });
}

const verdicts = () => [laptop, phone, bob].map(({ access_token }) => verdictOf(server, access_token));

describe("a device on the account page", () => {
  it("is shown with its address, and gets a name that its owner chose, and loses it", async () => {
    const name = (text: string) => send("/account/name-device", { name: text }, "/account", phone.claims.sid);
    assert.match((await open("/account")).body, /from <span class="address">127\.0\.0\.1<\/span>/);
    assert.match(
      (await name("My <phone>")).body,
      /role="status">The device is called My &lt;phone&gt; now\./,
    );
    const page = await open("/account");
    assert.match(page.body, /<strong>My &lt;phone&gt;<\/strong>/);
    assert.equal(formOf(page, "/account/name-device", phone.claims.sid).fields.name, "My <phone>");
    assert.match((await name("x".repeat(65))).body, /role="alert">A name has at most 64 characters/);
    assert.match((await name(" ")).body, /The name is gone\./);
    assert.match((await open("/account")).body, /<strong>Safari on iPhone<\/strong>/);
  });

  it("of somebody else gets no name", async () => {
    const page = await open("/account");
    const form = formOf(page, "/account/name-device", phone.claims.sid);
    const forged = { ...form, fields: { ...form.fields, device: bob.claims.sid, name: "Mine" } };
    assert.match((await laptop.browser.submit(page, forged)).body, /This device is already signed out\./);
    assert.doesNotMatch((await open("/account", bob)).body, /Mine/);
  });

  it("is signed out with all others but this one, and nobody else's", async () => {
    const page = await send("/account/sign-out-others");
    assert.match(page.body, /role="status">The other device is signed out\./);
    assert.deepEqual(verdicts(), ["allow", "kicked", "allow"]);
    assertRefused(await refresh(server.issuer, phone.refresh_token), "invalid_grant");
    assert.doesNotMatch((await open("/account")).body, /sign-out-others/, "there is no other any more");
  });
});

const NEW_PASSWORD = "a brand new battery staple";
const change = (password: string, newPassword = NEW_PASSWORD, repeatedPassword = newPassword) =>
  send("/account/password", { password, newPassword, repeatedPassword }, "/account/password");

describe("the page to change the password", () => {
  it("changes it, and signs out every other device, and not this one", async () => {
    const page = await change(ALICE.password);
    assert.equal(page.url.pathname, "/account");
    assert.match(page.body, /role="status">Your password is changed\. All other devices are signed out\./);
    assert.deepEqual(verdicts(), ["allow", "password_changed", "allow"]);
    assert.equal((await refresh(server.issuer, laptop.refresh_token)).status, 200);
    const form = await new PlainBrowser().open(begin(server.issuer).url, isEnd);
    const refused = await new PlainBrowser().submit(form, form.forms[0]!, { fill: ALICE });
    assert.ok(refused.status >= 400, "the old one is none any more");
    await signIn(server, { credentials: { ...ALICE, password: NEW_PASSWORD } });
  });

  it("keeps this device a known one", async () => {
    const known = () =>
      server.server.storage.read
        .selectFrom("known_places")
        .select("place_hash")
        .where("kind", "=", "device")
        .where("user_id", "=", laptop.claims.sub)
        .execute();
    await change(ALICE.password);
    assert.equal((await known()).length, 1);
  });

  it("says at the field what is wrong, and changes nothing", async () => {
    for (const [typed, id, says] of [
      [[""], "password", /Enter your password\./],
      [["not my password"], "password", /This is not your password\./],
      [[ALICE.password, "short"], "newPassword", /characters or more\./],
      [[ALICE.password, " ".repeat(8)], "newPassword", /It is blank\./],
      [[ALICE.password, "pass\tword-x"], "newPassword", /a control character/],
      [[ALICE.password, NEW_PASSWORD, "another one"], "repeatedPassword", /not the same as the new password/],
      [[ALICE.password, ALICE.password], "newPassword", /the password that you have/],
    ] as const) {
      const [password, newPassword, repeatedPassword] = typed as readonly string[];
      const page = await change(password!, newPassword, repeatedPassword);
      assert.equal(page.url.pathname, "/account/password");
      assert.match(page.body, new RegExp(`id="${id}-problem">[^<]*${says.source}`));
    }
    assert.deepEqual(verdicts(), ["allow", "allow", "allow"]);
    assert.doesNotMatch((await open("/account/password")).body, /class="problem"/, "said once");
  });

  it("slows guesses down, those for the deletion with them", async () => {
    for (let failures = 1; failures <= 9; failures++) {
      const page =
        failures % 2 === 0
          ? await send("/account/delete", { password: "wrong" }, "/account/delete")
          : await change("wrong");
      assert.match(page.body, /This is not your password\./, `${failures}`);
      server.advance(failures <= 5 ? 0 : failures === 9 ? 0 : 1000 * 2 ** (failures - 6));
    }
    assert.match(
      (await change(ALICE.password)).body,
      /role="alert">The password was wrong too often\. Wait \d+ seconds?/,
    );
    assert.deepEqual(verdicts(), ["allow", "allow", "allow"]);
  });

  it("leads whoever is not signed in to the account page", async () => {
    for (const path of ["/account/password", "/account/delete"])
      assert.equal((await new PlainBrowser().open(`${server.issuer}${path}`)).url.pathname, "/account");
  });
});

describe("the page to delete the account", () => {
  it("is not for the last administrator, and asks for the password", async () => {
    const { sub } = laptop.claims;
    await server.server.storage.write(async ({ db }) => {
      const role = { user_id: sub, role: "administrator", given_at: 1, given_by: null } as const;
      await db.insertInto("user_roles").values(role).execute();
    });
    const refused = await send("/account/delete", { password: ALICE.password }, "/account/delete");
    assert.match(refused.body, /role="alert">You are the only administrator\./);
    await server.server.storage.write(async ({ db }) => {
      await db.deleteFrom("user_roles").where("user_id", "=", sub).execute();
    });
    const wrong = await send("/account/delete", { password: "not my password" }, "/account/delete");
    assert.match(wrong.body, /This is not your password\./);
    assert.deepEqual(verdicts(), ["allow", "allow", "allow"]);
  });

  it("deletes it, everywhere and for good", async () => {
    const page = await send("/account/delete", { password: ALICE.password }, "/account/delete");
    assert.match(page.body, /<h1>Account deleted<\/h1>/);
    assert.deepEqual(verdicts(), ["account_deleted", "account_deleted", "allow"]);
    const again = await open("/account");
    assert.match(again.body, /<h1>Sign in<\/h1>/);
    const refused = await laptop.browser.submit(again, again.forms[0]!, { fill: ALICE });
    assert.equal(refused.status, 422);
  });
});
