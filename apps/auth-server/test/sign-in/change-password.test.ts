/** Whoever must change the password is asked for a new one, before anything is opened. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { UserAnswer } from "@portcullis/protocol";
import { json, PlainBrowser } from "@portcullis/testing/end-to-end";
import { hashSync } from "bcryptjs";
import { callApi, startForScopes } from "../api/call-api.ts";
import { assertRefused, begin, isEnd, pressFirst, refresh, signIn, verdictOf } from "../oidc/app.ts";
import type { ServerUnderTest } from "../oidc/server-under-test.ts";
import { makeUser } from "../people/make-user.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startForScopes(["users.read", "users.write"]);
});
after(() => server.stop());

const FIRST = "a first password";
const CHOSEN = "a password of my own";

async function mustChange(username: string, mustChangePassword = true): Promise<string> {
  const body = { username, password: FIRST, mustChangePassword };
  const answer = await callApi(server, "users", { method: "POST", scope: "users.write", body });
  return json<UserAnswer>(answer).sub;
}

const openSessionsOf = async (sub: string): Promise<number> =>
  (await server.server.oidc.sessions.devicesOf(sub)).length;
const problemsIn = (body: string): string[] =>
  [...body.matchAll(/class="(?:problem"[^>]*|alert" role="alert")>([^<]*)</g)].map(([, text]) => text!);

/** At the form that asks for a new password, on the way to an app. */
async function atTheForm(username: string) {
  const browser = new PlainBrowser();
  const page = await browser.open(begin(server.issuer).url, isEnd);
  return { browser, page: await pressFirst(browser, page, { username, password: FIRST }) };
}

const choosing = (newPassword: string, repeatedPassword = newPassword) => ({ newPassword, repeatedPassword });

describe("a user who must change the password", () => {
  it("chooses a new one on the way to an app, and only then is there a session", async () => {
    const sub = await mustChange("anna");
    const { browser, page } = await atTheForm("anna");
    assert.match(page.body, /Choose a new password/);
    assert.equal(await openSessionsOf(sub), 0);
    const again = await browser.open(begin(server.issuer).url, isEnd);
    assert.ok(again.forms[0]?.hasPassword, "still signed out");
    assert.doesNotMatch(again.body, /Choose a new password/);
    const next = await pressFirst(browser, page, choosing(CHOSEN));
    assert.match(next.body, /decision/, "the app asks for consent next");
    assert.equal(await openSessionsOf(sub), 1);
    const user = json<UserAnswer>(await callApi(server, "users/anna", { scope: "users.read" }));
    assert.deepEqual([user.mustChangePassword, typeof user.passwordChangedAt], [false, "string"]);
    assert.equal(
      (await signIn(server, { credentials: { username: "anna", password: CHOSEN } })).claims.sub,
      sub,
    );
    const old = new PlainBrowser();
    const refused = await pressFirst(old, await old.open(begin(server.issuer).url, isEnd), {
      username: "anna",
      password: FIRST,
    });
    assert.equal(refused.status, 422);
  });

  it("does so at the account page too", async () => {
    const sub = await mustChange("berta");
    const browser = new PlainBrowser();
    const page = await browser.open(`${server.issuer}/account`);
    const asked = await pressFirst(browser, page, { username: "berta", password: FIRST });
    assert.match(asked.body, /Choose a new password/);
    assert.equal(await openSessionsOf(sub), 0);
    const account = await pressFirst(browser, asked, choosing(CHOSEN));
    assert.match(account.body, /Your account/);
    assert.equal(await openSessionsOf(sub), 1);
  });

  it("is told what is wrong with the new one, and asked again", async () => {
    await mustChange("clara");
    let { browser, page } = await atTheForm("clara");
    for (const [typed, problem] of [
      [choosing(""), /8 characters or more/],
      [choosing("short"), /8 characters or more/],
      [choosing("x".repeat(1025)), /1024 characters at most/],
      [choosing(" ".repeat(8)), /blank/],
      [choosing("pass\tword-x"), /a control character/],
      [choosing(CHOSEN, "another text"), /not the same/],
      [choosing(FIRST), /the password that you have/],
    ] as const) {
      page = await pressFirst(browser, page, typed);
      assert.equal(page.status, 422);
      assert.equal(problemsIn(page.body).length, 1, page.body);
      assert.match(problemsIn(page.body)[0]!, problem);
    }
    page = await pressFirst(browser, page, choosing(CHOSEN));
    assert.match(page.body, /decision/);
    assert.equal(browser instanceof PlainBrowser, true);
  });

  it("ends what was open before with it", async () => {
    await mustChange("dina", false);
    const device = await signIn(server, { credentials: { username: "dina", password: FIRST } });
    const patch = { method: "PATCH", scope: "users.write", body: { mustChangePassword: true } };
    assert.equal((await callApi(server, "users/dina", patch)).status, 200);
    assert.equal(verdictOf(server, device.access_token), "allow");
    const { browser, page } = await atTheForm("dina");
    await pressFirst(browser, page, choosing(CHOSEN));
    assert.equal(verdictOf(server, device.access_token), "password_changed");
    assertRefused(await refresh(server.issuer, device.refresh_token), "invalid_grant");
  });
});

describe("the ticket between the two forms", () => {
  const ticketIn = (body: string): string => /name="ticket" value="([^"]+)"/.exec(body)![1]!;
  const MESSAGE = /open for too long/;

  it("is of one use, ends with the password that it stands for, and after ten minutes", async () => {
    await mustChange("emma");
    const [one, other] = [await atTheForm("emma"), await atTheForm("emma")];
    await pressFirst(one.browser, one.page, choosing(CHOSEN));
    const late = await pressFirst(other.browser, other.page, choosing("yet another password"));
    assert.match(late.body, MESSAGE);
    await signIn(server, { credentials: { username: "emma", password: CHOSEN } });

    await mustChange("elsa");
    const again = await atTheForm("elsa");
    server.advance(6 * 60_000);
    const wrong = await pressFirst(again.browser, again.page, choosing("short"));
    server.advance(6 * 60_000);
    assert.match(
      (await pressFirst(again.browser, wrong, choosing(CHOSEN))).body,
      MESSAGE,
      "sent again or not",
    );

    await mustChange("fanny");
    const slow = await atTheForm("fanny");
    server.advance(11 * 60_000);
    assert.match((await pressFirst(slow.browser, slow.page, choosing(CHOSEN))).body, /too long|expired/i);
  });

  for (const [what, path] of [
    ["on the way to an app", undefined],
    ["at the account page", "/account"],
  ] as const)
    it(`is of the browser that it was given to, ${what}`, async () => {
      const username = path === undefined ? "ida" : "ilse";
      await mustChange(username);
      const open = (browser: PlainBrowser) =>
        browser.open(path === undefined ? begin(server.issuer).url : `${server.issuer}${path}`, isEnd);
      const [own, other] = [new PlainBrowser(), new PlainBrowser()];
      const asked = await pressFirst(own, await open(own), { username, password: FIRST });
      const ticket = ticketIn(asked.body);
      const taken = await pressFirst(other, await open(other), { ticket, ...choosing(CHOSEN) });
      assert.match(taken.body, MESSAGE);
      const next = await pressFirst(own, asked, choosing(CHOSEN));
      assert.match(next.body, path === undefined ? /decision/ : /Your account/);
    });

  it("is nobody's who is disabled, and of nobody else", async () => {
    const sub = await mustChange("greta");
    await mustChange("hilda");
    const [greta, hilda] = [await atTheForm("greta"), await atTheForm("hilda")];
    const ticket = ticketIn(greta.page.body);
    const [text, proof] = ticket.split(".");
    const content = JSON.parse(Buffer.from(text!, "base64url").toString());
    const another = JSON.parse(Buffer.from(ticketIn(hilda.page.body).split(".")[0]!, "base64url").toString());
    for (const forged of [
      `${Buffer.from(JSON.stringify({ ...content, sub: another.sub })).toString("base64url")}.${proof}`,
      `${Buffer.from(JSON.stringify({ ...content, passedAt: content.passedAt + 1 })).toString("base64url")}.${proof}`,
      `${text}.`,
      // Other spellings of the same bytes, and more than there was.
      `${ticket}=`,
      `${text}=.${proof}`,
      `${ticket}.`,
      `${ticket}.${proof}`,
      "nonsense",
    ]) {
      const answer = await pressFirst(greta.browser, greta.page, { ticket: forged, ...choosing(CHOSEN) });
      assert.match(answer.body, MESSAGE, forged);
    }
    await callApi(server, "users/greta/disable", { method: "POST", scope: "users.write" });
    const disabled = await pressFirst(greta.browser, greta.page, choosing(CHOSEN));
    assert.match(disabled.body, MESSAGE);
    assert.equal(await openSessionsOf(sub), 0);
  });
});

describe("a user with the hash of another system", () => {
  it("signs in with the password, and has a hash of ours from then on, at a device that stays known", async () => {
    const { people, storage } = server.server;
    const password = "a password of bcrypt";
    const { id } = await storage.write((transaction) =>
      people.users.create(transaction, {
        username: "imported",
        emailVerified: false,
        profile: {},
        attributes: {},
        mustChangePassword: false,
        passwordHash: hashSync(password, 4),
        origin: "import",
      }),
    );
    const stored = async () => (await people.users.findActive(id))!.password_hash!;
    const before = await stored();
    const browser = new PlainBrowser();
    const wrong = await pressFirst(browser, await browser.open(`${server.issuer}/account`), {
      username: "imported",
      password: "wrong",
    });
    assert.equal(wrong.status, 422);
    assert.equal(await stored(), before);
    const { claims } = await signIn(server, { credentials: { username: "imported", password } });
    assert.equal(claims.sub, id);
    const renewed = await stored();
    assert.match(renewed, /^\$argon2id\$/);
    const places = await storage.read
      .selectFrom("known_places")
      .selectAll()
      .where("user_id", "=", id)
      .execute();
    assert.equal(places.length, 2);
    const standing = await people.knownPlaces.standingOf(
      { id, password_hash: renewed },
      { deviceTokens: [], address: "127.0.0.1" },
    );
    assert.equal(standing.kind, "address");
    await signIn(server, { credentials: { username: "imported", password } });
    assert.equal(await stored(), renewed, "once");
  });

  it("is refused when the password was reset while it was checked", async () => {
    const { people, storage } = server.server;
    const user = await makeUser(
      { users: people.users, storage },
      { username: "raced", name: "R", password: FIRST },
    );
    const reset = await people.users.hashOf("a reset password");
    const original = people.users.findByName.bind(people.users);
    people.users.findByName = async (name) => {
      const found = await original(name);
      // The reset commits between the look at the hash and the last step.
      if (name === "raced")
        await storage.write((transaction) =>
          people.users.setPassword(transaction, user.id, { hash: reset, mustChange: false }),
        );
      return found;
    };
    try {
      const browser = new PlainBrowser();
      const page = await browser.open(begin(server.issuer).url, isEnd);
      const refused = await pressFirst(browser, page, { username: "raced", password: FIRST });
      assert.equal(refused.status, 422);
    } finally {
      people.users.findByName = original;
    }
  });
});
