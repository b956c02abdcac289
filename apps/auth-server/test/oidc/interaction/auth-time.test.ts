/** `auth_time` is when the password was right, whatever pages come between that and the session, and however long they stay open. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Page, PlainBrowser } from "@portcullis/testing/end-to-end";
import { setMustChange } from "../../people/make-user.ts";
import { changePolicy } from "../../sessions/policy.ts";
import { type Attempt, begin, claimsOf, isEnd, ok, pressFirst, redeem, refresh, signIn } from "../app.ts";
import { ALICE, BOB, type ServerUnderTest, startServer } from "../server-under-test.ts";
import { sessionsOf } from "../sign-in-pages.ts";

const ON_THE_PAGE_MS = 100_000;
const NEW_PASSWORD = { newPassword: "a password of my own", repeatedPassword: "a password of my own" };

let server: ServerUnderTest;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

interface Visit {
  readonly browser: PlainBrowser;
  readonly attempt: Attempt;
  readonly page: Page;
  /** Seconds: the password was right by then. */
  readonly by: number;
}

/** The page after the password. The person stays on it for a while. */
async function stayAfterPassword(url: URL, credentials: typeof ALICE, browser = new PlainBrowser()) {
  const page = await pressFirst(browser, await browser.open(url, isEnd), credentials);
  const by = nowSeconds();
  server.advance(ON_THE_PAGE_MS);
  return { browser, page, by };
}

const nowSeconds = (): number => Math.floor(server.nowMs() / 1000);

async function visit(credentials = ALICE): Promise<Visit> {
  // Asked for a fresh sign-in, an ID token says when it was.
  const attempt = begin(server.issuer, { max_age: "900" });
  return { attempt, ...(await stayAfterPassword(attempt.url, credentials)) };
}

async function assertTimes({ attempt, by }: Visit, { url }: Page, username: string): Promise<void> {
  assert.ok(isEnd(url), url.href);
  const tokens = ok(await redeem(server.issuer, attempt, url));
  const { auth_time: time, sid } = claimsOf(tokens.access_token);
  assert.ok(time <= by && time > by - 60, `${time}, and the password was right by ${by}`);
  assert.equal(claimsOf(tokens.id_token).auth_time, time);
  const next = ok(await refresh(server.issuer, tokens.refresh_token));
  assert.equal(claimsOf(next.access_token).auth_time, time);
  const session = (await sessionsOf(server, username)).find(({ uid }) => uid === sid);
  assert.equal(session?.auth_time, time);
}

interface Filled {
  readonly fill?: Readonly<Record<string, string>>;
  readonly ticked?: readonly (readonly [string, string])[];
}

/** To the app: the consent page comes next, or it was the one. */
async function goOnFrom({ browser, page }: Visit, filled: Filled = {}): Promise<Page> {
  const next = await browser.submit(page, page.forms[0]!, { ...filled, isEnd });
  return isEnd(next.url) ? next : pressFirst(browser, next);
}

describe("auth_time", () => {
  it("is not the time of the consent, and max_age counts from the password", async () => {
    const visited = await visit();
    assert.match(visited.page.body, /<h1>Allow /);
    await assertTimes(visited, await goOnFrom(visited), ALICE.username);
    const asked = { prompt: "none", max_age: "60" };
    const { url } = await visited.browser.open(begin(server.issuer, asked).url, isEnd);
    assert.equal(url.searchParams.get("error"), "login_required");
    const older = { prompt: "none", max_age: "900" };
    const { url: answered } = await visited.browser.open(begin(server.issuer, older).url, isEnd);
    assert.ok(answered.searchParams.has("code"), answered.href);
  });

  it("is that of the password when devices to sign out were chosen after it", async () => {
    await signIn(server, { credentials: ALICE });
    await changePolicy(server, { sessionLimit: { max: 1, per: "user", overflow: "ask" } });
    try {
      const visited = await visit();
      const { body } = visited.page;
      const uids = [...body.matchAll(/name="ends" value="([^"]+)"/g)].map(([, uid]) => uid!);
      assert.ok(uids.length > 0, body);
      const chosen = { ticked: uids.map((uid) => ["ends", uid] as const) };
      await assertTimes(visited, await goOnFrom(visited, chosen), ALICE.username);
    } finally {
      await changePolicy(server, { sessionLimit: undefined });
    }
  });

  it("is that of the first password when another was chosen after it", async () => {
    await setMustChange(server.server, BOB.username);
    const visited = await visit(BOB);
    assert.match(visited.page.body, /Choose a new password/);
    await assertTimes(visited, await goOnFrom(visited, { fill: NEW_PASSWORD }), BOB.username);
  });

  it("is the same at the account page", async () => {
    const credentials = { ...BOB, password: NEW_PASSWORD.newPassword };
    await setMustChange(server.server, BOB.username);
    const { browser, page, by } = await stayAfterPassword(new URL(`${server.issuer}/account`), credentials);
    const fill = { newPassword: "one more of my own", repeatedPassword: "one more of my own" };
    const account = await browser.submit(page, page.forms[0]!, { fill });
    assert.match(account.body, /Your account/);
    const [session] = await sessionsOf(server, BOB.username);
    const time = session!.auth_time!;
    assert.ok(time <= by && time > by - 60, `${time}, and the password was right by ${by}`);
  });
});
