/** A person at the pages that ask for a password, and what came of it. */
import assert from "node:assert/strict";
import { type Page, PlainBrowser } from "@portcullis/testing/end-to-end";
import { passwordMarkOf } from "../../src/people/users.ts";
import { begin, isEnd, pressFirst, signIn } from "./app.ts";
import { ALICE, type ServerUnderTest } from "./server-under-test.ts";

type OfServer = Pick<ServerUnderTest, "issuer" | "server">;

/** Returns the page after the password, on the way to an app. */
export async function tryPassword(
  { issuer }: OfServer,
  credentials = ALICE,
  start = begin(issuer).url,
): Promise<Page> {
  const browser = new PlainBrowser();
  return pressFirst(browser, await browser.open(start, isEnd), credentials);
}

/** Returns the page after the password, at the account page, and the browser that shows it. */
export async function signInToAccount(
  { issuer }: OfServer,
  credentials = ALICE,
  browser = new PlainBrowser(),
): Promise<{ browser: PlainBrowser; page: Page }> {
  const form = await browser.open(`${issuer}/account`);
  return { browser, page: await browser.submit(form, form.forms[0]!, { fill: credentials }) };
}

/** Returns what the page says is wrong. */
export const alertIn = ({ body }: Page): string => /role="alert">([^<]*)</.exec(body)?.[1] ?? "";

/** Returns the sessions that a user has. */
export async function sessionsOf({ server: { people, oidc } }: OfServer, username = ALICE.username) {
  const { id } = (await people.users.findByName(username))!;
  return oidc.sessions.devicesOf(id);
}

/** Of a sign-in that is overtaken by what keeps the user out: it opens no session, and none comes to life when that is over. */
export async function assertNothingLate(
  server: ServerUnderTest,
  credentials: typeof ALICE,
  { keepOut, letIn }: { readonly keepOut: () => Promise<unknown>; readonly letIn: () => Promise<unknown> },
): Promise<void> {
  const { oidc, people } = server.server;
  const { sub } = (await signIn(server, { credentials })).claims;
  const passwordMark = passwordMarkOf((await people.users.findActive(sub))!);
  const payload = { uid: "A".repeat(22), accountId: sub, loginTs: 1 };
  const late = { id: "late", payload, ttlSeconds: 1000, passwordMark };
  await keepOut();
  assert.equal(await oidc.sessions.save(late), false);
  await letIn();
  assert.equal(await oidc.sessions.find("late"), undefined);
  assert.equal(await oidc.sessions.save(late), true, "nothing else was in the way");
}
