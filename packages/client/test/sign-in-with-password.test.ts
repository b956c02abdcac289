import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KeyValueStore, SignInStep } from "../src/index.ts";
import { APP, FakeBrowser } from "./fake-browser.ts";

const ALICE = { username: "alice", password: "correct horse battery staple" };

const code = (expected: string) => (error: { code?: string }) => error.code === expected;

/** What the app sent, step by step. */
const sent = async (browser: FakeBrowser, path = "/authorize-challenge") =>
  Promise.all(
    browser.issuer.requestsTo(path).map(async (request) => new URLSearchParams(await request.clone().text())),
  );

/** What is written into a storage from now on. */
function writesTo(storage: KeyValueStore): readonly string[] {
  const written: string[] = [];
  const { setItem } = storage;
  storage.setItem = (key, value) => {
    written.push(value);
    setItem(key, value);
  };
  return written;
}

/** Answers one step after the other, and then with a code. */
function answering(browser: FakeBrowser, ...answers: readonly [status: number, body: object][]) {
  const left = [...answers];
  let first: URLSearchParams | undefined;
  browser.issuer.challenge = (fields) => {
    if (fields.has("code_challenge")) first = fields;
    const [status, body] = left.shift() ?? [200, { authorization_code: browser.issuer.codeFor(first!) }];
    return Response.json(body, { status });
  };
}

const asked = (step: string, more: object = {}) =>
  [400, { error: "insufficient_authorization", auth_session: `before-${step}`, step, ...more }] as [
    number,
    object,
  ];

function assertStep<Status extends SignInStep["status"]>(
  step: SignInStep,
  status: Status,
): asserts step is Extract<SignInStep, { status: Status }> {
  assert.equal(step.status, status, JSON.stringify(step));
}

describe("a sign-in with a form of the app's own", () => {
  it("sends what was typed with PKCE and a nonce, and ends signed in", async () => {
    const browser = new FakeBrowser();
    const tab = browser.open();
    const step = await tab.client.signInWithPassword(ALICE);
    assertStep(step, "signed-in");
    assert.equal(step.user.sub, "alice");
    assert.equal(tab.client.user?.sub, "alice");
    assert.deepEqual(
      tab.events.map(({ type }) => type),
      ["signed-in"],
    );
    assert.deepEqual(tab.page.visited, [], "the page stays where it is");
    const [fields] = await sent(browser);
    assert.equal(fields?.get("username"), "alice");
    assert.equal(fields?.get("password"), ALICE.password);
    assert.equal(fields?.get("code_challenge_method"), "S256");
    assert.equal(fields?.get("redirect_uri"), APP);
    assert.ok(fields!.get("nonce")!.length >= 22);
  });

  it("keeps no password, and the device for the next time, in whichever tab", async () => {
    const browser = new FakeBrowser();
    const tab = browser.open();
    const kept = [tab.storage, browser.sharedStorage].map(writesTo);
    await tab.client.signInWithPassword(ALICE);
    await browser.open().client.signInWithPassword(ALICE);
    const [first, second] = await sent(browser);
    assert.deepEqual([first?.get("device"), second?.get("device")], [null, "device-1"]);
    for (const written of kept) {
      assert.notEqual(written.length, 0);
      assert.ok(!written.join().includes(ALICE.password));
    }
  });

  it("says what is wrong, and that it is to wait", async () => {
    const browser = new FakeBrowser();
    const tab = browser.open();
    const waiting = { problem: "too_many_attempts", retry_after: 4 };
    const [, wait] = asked("password", waiting);
    answering(browser, asked("password", { problem: "wrong_credentials" }), [429, wait]);
    const wrong = await tab.client.signInWithPassword(ALICE);
    assert.deepEqual(wrong, { status: "password", problem: "wrong_credentials" });
    const early = await tab.client.signInWithPassword(ALICE);
    assert.deepEqual(early, { status: "wait", retryAfterSeconds: 4 });
    assert.equal(tab.client.user, undefined);
  });

  it("goes on with a new password, and with sessions that end, by the auth_session of each answer", async () => {
    const browser = new FakeBrowser();
    const { client } = browser.open();
    const sessions = [{ sid: "one", device: "Phone", last_seen_at: 1 }];
    answering(
      browser,
      asked("change_password"),
      asked("change_password", { problem: "too_short", auth_session: "again" }),
      asked("choose_session", { sessions, at_least: 1 }),
    );
    const first = await client.signInWithPassword(ALICE);
    assertStep(first, "new-password");
    const again = await first.change("short");
    assertStep(again, "new-password");
    assert.equal(again.problem, "too_short");
    const choice = await again.change("a password of my own");
    assertStep(choice, "choose-sessions");
    assert.deepEqual([choice.sessions, choice.atLeast], [sessions, 1]);
    assertStep(await choice.end(["one"]), "signed-in");
    const steps = await sent(browser);
    assert.deepEqual(
      steps.map((fields) => [
        fields.get("auth_session"),
        fields.get("new_password"),
        fields.get("end_sessions"),
      ]),
      [
        [null, null, null],
        ["before-change_password", "short", null],
        ["again", "a password of my own", null],
        ["before-choose_session", null, "one"],
      ],
    );
    assert.ok(steps.slice(1).every((fields) => !fields.has("password") && fields.get("client_id") === "web"));
  });

  it("says that a page is needed, for what this client does not know as well", async () => {
    for (const answer of [[400, { error: "redirect_to_web" }], asked("passkey")] as [number, object][]) {
      const browser = new FakeBrowser();
      answering(browser, answer);
      assert.deepEqual(await browser.open().client.signInWithPassword(ALICE), { status: "redirect" });
    }
  });

  it("tells why somebody may not come in, as the operator has written it", async () => {
    const browser = new FakeBrowser();
    const told = { reason: "banned", message: "Write to us.", until: "2030-01-01T00:00:00.000Z" };
    answering(browser, [403, { error: "access_denied", ...told }]);
    assert.deepEqual(await browser.open().client.signInWithPassword(ALICE), { status: "refused", ...told });
  });

  it("throws what no user can do anything about", async () => {
    const browser = new FakeBrowser();
    const { client } = browser.open();
    answering(
      browser,
      [400, { error: "unauthorized_client" }],
      [503, { error: "temporarily_unavailable" }],
      [429, {}],
    );
    await assert.rejects(client.signInWithPassword(ALICE), code("sign_in_refused"));
    await assert.rejects(client.signInWithPassword(ALICE), code("issuer_unreachable"));
    await assert.rejects(client.signInWithPassword(ALICE), code("issuer_unreachable"));
    const other = new FakeBrowser();
    delete other.issuer.metadata.authorization_challenge_endpoint;
    await assert.rejects(other.open().client.signInWithPassword(ALICE), code("discovery_failed"));
    other.issuer.metadata.authorization_challenge_endpoint = "http://issuer.test/authorize-challenge";
    await assert.rejects(other.open().client.signInWithPassword(ALICE), code("discovery_failed"));
    assert.equal(other.issuer.requestsTo("/authorize-challenge").length, 0, "no password over plain http");
  });

  it("refuses an ID token that was not made for it", async () => {
    const browser = new FakeBrowser();
    browser.issuer.idTokenClaims = { nonce: "another" };
    const tab = browser.open();
    await assert.rejects(tab.client.signInWithPassword(ALICE), code("response_refused"));
    assert.equal(tab.client.user, undefined);
  });
});

describe("a fresher sign-in", () => {
  it("is asked of the same user, and gives the tokens of before back once it has succeeded", async () => {
    const browser = new FakeBrowser();
    const tab = await browser.signedIn();
    answering(browser, asked("password", { problem: "wrong_credentials" }));
    await tab.client.signInWithPassword({ ...ALICE, maxAge: 300 });
    assert.equal(browser.issuer.requestsTo("/token/revocation").length, 0);
    assert.equal(tab.client.user?.sub, "alice");
    assertStep(await tab.client.signInWithPassword({ ...ALICE, maxAge: 300 }), "signed-in");
    const [fields] = await sent(browser);
    assert.equal(fields?.get("max_age"), "300");
    assert.ok(fields?.get("id_token_hint")?.includes("."));
    assert.equal(browser.issuer.requestsTo("/token/revocation").length, 1);
  });
});
