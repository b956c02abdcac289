import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  Administrator,
  assertEverywhere,
  assertPageIsSound,
  claimsOf,
  fillLogin,
  keepScreenshot,
  launchChromium,
  reconfigureIssuer,
  type Stack,
  startStack,
  VIEWPORTS,
} from "@portcullis/testing/end-to-end";
import type { Browser, BrowserContext, Page } from "playwright-core";

/** Another app, which uses the same sign-in. Of its own it has nothing: any address that answers does as its page. */
const notesUri = () => `${stack.info.webApp}/icon.svg`;
const notes = () => ({
  clientId: "notes",
  name: "Notes",
  redirectUris: [notesUri()],
  grantTypes: ["authorization_code"],
});

let stack: Stack;
let chromium: Browser;

before(async () => {
  [stack, chromium] = await Promise.all([startStack(), launchChromium()]);
  await reconfigureIssuer(stack, ({ clients }) => void clients.push(notes()));
});
after(() => Promise.all([stack.stop(), chromium.close()]));

describe("the demo web app", () => {
  it("turns its calls to 401 and says why when another window signs out everywhere", async () => {
    const context = await chromium.newContext({ viewport: VIEWPORTS.desktop });
    const app = await signedInApp(context);
    await keepScreenshot(app, "web-app-signed-in-desktop");

    const account = await context.newPage();
    await account.goto(`${stack.info.issuer}/account`);
    await pressSignOutEverywhere(account);

    await app.getByRole("heading", { name: "You were signed out" }).waitFor();
    await rowsWith(app, "401").first().waitFor();
    assert.equal(await rowsWith(app, "401").count(), 1, "what the API says of the token is in the list");
    await keepScreenshot(app, "web-app-signed-out-desktop");
    await context.close();
  });

  it("is signed in in a second tab, and in one that was closed and opened again", async () => {
    const context = await chromium.newContext();
    const first = await signedInApp(context);
    const second = await context.newPage();
    await second.goto(stack.info.webApp);
    await rowsWith(second, "200").first().waitFor();
    await Promise.all([first.close(), second.close()]);
    const again = await context.newPage();
    await again.goto(stack.info.webApp);
    await rowsWith(again, "200").first().waitFor();
    await context.close();
  });

  it("follows a sign-in in another tab", async () => {
    const context = await chromium.newContext();
    const waiting = await context.newPage();
    await waiting.goto(stack.info.webApp);
    await waiting.getByRole("button", { name: "Sign in" }).waitFor();
    await signedInApp(context);
    await rowsWith(waiting, "200").first().waitFor();
    await context.close();
  });

  it("tells another tab of a plain sign-out, and nothing of “everywhere”", async () => {
    const context = await chromium.newContext();
    const first = await signedInApp(context);
    const second = await context.newPage();
    await second.goto(stack.info.webApp);
    await rowsWith(second, "200").first().waitFor();
    await first.getByRole("button", { name: "Sign out" }).click();
    await second.getByRole("heading", { name: "You were signed out" }).waitFor();
    assert.doesNotMatch(String(await second.locator("#status").textContent()), /everywhere/);
    await context.close();
  });

  it("stays signed out in every tab, old and new, after a sign-out of this app alone, until a sign-in", async () => {
    const context = await chromium.newContext();
    const first = await signedInApp(context);
    const second = await context.newPage();
    await second.goto(stack.info.webApp);
    await rowsWith(second, "200").first().waitFor();
    await openNotes(context);
    await first.getByRole("button", { name: "Sign out" }).click();
    await first.getByRole("button", { name: "Only sign out of Orders web app" }).click();
    await isSignedOut(first);
    await isSignedOut(second);
    const third = await context.newPage();
    await Promise.all([second.reload(), third.goto(stack.info.webApp)]);
    for (const tab of [first, second, third]) await isSignedOut(tab);
    await third.getByRole("button", { name: /^Sign in/ }).click();
    for (const tab of [first, second, third]) await rowsWith(tab, "200").last().waitFor();
    await context.close();
  });

  it("says where the user is when they go back to the sign-in, and works when they go forward", async () => {
    const context = await chromium.newContext();
    const app = await signedInApp(context);
    await app.goBack();
    await app.getByRole("heading", { name: "You are signed in" }).waitFor();
    await app.goForward();
    await rowsWith(app, "200").first().waitFor();
    await context.close();
  });

  it("works under the other name of this machine", async () => {
    const context = await chromium.newContext();
    const app = await context.newPage();
    await app.goto(stack.info.webApp.replace("127.0.0.1", "localhost"));
    await app.getByRole("button", { name: "Sign in" }).click();
    await fillLogin(app, stack.info.demo);
    await arriveSignedIn(app);
    await context.close();
  });

  it("fits a phone when its access is removed, whatever the reason is called", async () => {
    const context = await chromium.newContext({ viewport: VIEWPORTS.phone });
    const app = await signedInApp(context);
    const account = await context.newPage();
    await account.goto(`${stack.info.issuer}/account`);
    await account.getByRole("button", { name: "Remove access of Orders web app" }).click();
    await app.getByRole("heading", { name: "This app lost its access" }).waitFor();
    const table = (await app.locator("#calls").boundingBox())!;
    const card = (await app.locator(".calls").boundingBox())!;
    assert.ok(table.x + table.width <= card.x + card.width, "the list of calls stays in its card");
    const said = (await app.locator("#calls td:last-child").first().boundingBox())!;
    assert.ok(
      said.width > table.width * 0.9,
      `what an answer said has a line of its own: ${said.width} of ${table.width}`,
    );
    await assertPageIsSound(app);
    await context.close();
  });

  it("says so in every tab though none makes a call, when another browser signs out everywhere", async () => {
    const [here, there] = [await chromium.newContext(), await chromium.newContext()];
    const streams: string[] = [];
    // As they begin: a row is there only when its call has been answered, which may have begun before the pause.
    const calls: string[] = [];
    here.on("request", (request) => {
      if (request.url() === `${stack.info.issuer}/session/events`) streams.push(request.method());
      if (request.url().startsWith(stack.info.gateway)) calls.push(request.url());
    });
    const app = await signedInApp(here);
    await app.getByRole("button", { name: "Pause" }).click();
    const second = await here.newPage();
    await second.goto(stack.info.webApp);
    await rowsWith(second, "200").first().waitFor();
    await second.getByRole("button", { name: "Pause" }).click();
    const account = await signedInAccount(there);
    await account.getByRole("button", { name: /sign out everywhere/i }).waitFor();
    calls.length = 0;
    await pressSignOutEverywhere(account);
    for (const tab of [app, second])
      await tab.getByRole("heading", { name: "You were signed out" }).waitFor();
    assert.deepEqual(calls, [], "nothing was called");
    assert.equal(streams.filter((method) => method === "GET").length, 1, "one stream for both tabs");
    await Promise.all([here.close(), there.close()]);
  });

  it("is told too when the other window is on another device", async () => {
    const [here, there] = [await chromium.newContext(), await chromium.newContext()];
    const app = await signedInApp(here);
    const account = await signedInAccount(there);
    await pressSignOutEverywhere(account);
    await app.getByRole("heading", { name: "You were signed out" }).waitFor();
    await Promise.all([here.close(), there.close()]);
  });

  it("says in words that an administrator ended the session", async () => {
    const context = await chromium.newContext();
    const request = Promise.withResolvers<string>();
    context.on("request", (seen) => {
      const authorization = seen.headers().authorization ?? "";
      if (authorization.startsWith("Bearer ") && seen.url().startsWith(stack.info.gateway)) {
        request.resolve(authorization.slice("Bearer ".length));
      }
    });
    const app = await signedInApp(context);
    const { sid } = claimsOf(await request.promise);
    await new Administrator(stack.info).revoke({ scope: "session", key: sid, reason: "kicked" });
    await app.getByRole("heading", { name: "This device was signed out" }).waitFor();
    await context.close();
  });

  it("refreshes without a word when only the claims changed", async () => {
    const context = await chromium.newContext();
    const tokens = new Set<string>();
    context.on("request", (seen) => {
      const authorization = seen.headers().authorization ?? "";
      if (seen.url().startsWith(stack.info.gateway) && authorization !== "") tokens.add(authorization);
    });
    const app = await signedInApp(context);
    const { sub } = claimsOf([...tokens][0]!);
    await new Administrator(stack.info).revoke({
      scope: "subject",
      key: sub,
      mode: "stale",
      reason: "claims_changed",
    });
    await app.waitForResponse((response) => tokens.size > 1 && response.status() === 200);
    await app
      .getByText(/signed in/i)
      .first()
      .waitFor();
    assert.equal(await app.getByRole("button", { name: "Sign out" }).isVisible(), true);
    await context.close();
  });

  it("signs out from its own button, without a question while no other app uses the sign-in", async () => {
    const context = await chromium.newContext();
    const app = await signedInApp(context);
    const offered = Promise.withResolvers<boolean>();
    await context.route(`${stack.info.issuer}/revoke`, async (route) => {
      await app.locator("#badge").getByText("Signing out", { exact: true }).waitFor();
      offered.resolve(await app.getByRole("button", { name: /^Sign in/ }).isVisible());
      await route.continue();
    });
    await app.getByRole("button", { name: "Sign out" }).click();
    assert.equal(await offered.promise, false, "no button leads away from a sign-out that is under way");
    await isSignedOut(app);
    await app.getByRole("button", { name: "Sign in" }).click();
    await app.getByLabel("Password", { exact: true }).waitFor();
    await context.close();
  });

  it("signs out of the other apps, too, once the user says so", async () => {
    const context = await chromium.newContext();
    const app = await signedInApp(context);
    await openNotes(context);
    await app.getByRole("button", { name: "Sign out" }).click();
    await confirmSignOut(app);
    await isSignedOut(app);
    await app.getByRole("button", { name: "Sign in" }).click();
    await app.getByLabel("Password", { exact: true }).waitFor();
    await context.close();
  });

  it("leaves no live token behind when its tab is closed at the question", async () => {
    const context = await chromium.newContext();
    const request = Promise.withResolvers<string>();
    context.on("request", (seen) => {
      const authorization = seen.headers().authorization ?? "";
      if (seen.url().startsWith(stack.info.gateway) && authorization !== "") {
        request.resolve(authorization.slice("Bearer ".length));
      }
    });
    const app = await signedInApp(context);
    const stored = await app.evaluate(() => Object.values({ ...sessionStorage }));
    const refreshToken = stored.map((text) => JSON.parse(text).refreshToken).find(Boolean);
    await openNotes(context);
    await app.getByRole("button", { name: "Sign out" }).click();
    await app.getByRole("heading", { name: "Sign out?" }).waitFor();
    await app.close();
    await assertEverywhere(stack, await request.promise, 401, "revoked");
    const answer = await fetch(`${stack.info.issuer}/token`, {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "refresh_token",
        client_id: String(claimsOf(await request.promise).client_id),
        refresh_token: refreshToken,
      }),
    });
    assert.equal(((await answer.json()) as { error: string }).error, "invalid_grant");
    await context.close();
  });

  for (const [size, viewport] of Object.entries(VIEWPORTS)) {
    it(`fits its window and is reachable by keyboard on a ${size}`, async () => {
      const context = await chromium.newContext({ viewport });
      const page = await context.newPage();
      await page.goto(stack.info.webApp);
      await page.getByRole("button", { name: "Sign in" }).waitFor();
      await keepScreenshot(page, `web-app-start-${size}`);
      await assertPageIsSound(page);
      const app = await signedInApp(context);
      await keepScreenshot(app, `web-app-${size}`);
      await assertPageIsSound(app);
      await context.close();
    });
  }
});

/** By its own cell: another call may have taken 401 ms. */
const rowsWith = (app: Page, code: string) =>
  app.locator("#rows tr").filter({ has: app.locator(".code").getByText(code, { exact: true }) });

async function signedInApp(context: BrowserContext): Promise<Page> {
  const app = await context.newPage();
  await app.goto(stack.info.webApp);
  await app.getByRole("button", { name: "Sign in" }).click();
  await fillLogin(app, stack.info.demo);
  await arriveSignedIn(app);
  return app;
}

/** Allows the other app to use the sign-in of this browser. */
async function openNotes(context: BrowserContext): Promise<void> {
  const page = await context.newPage();
  const url = new URL(`${stack.info.issuer}/authorize`);
  for (const [name, value] of Object.entries({
    client_id: "notes",
    response_type: "code",
    redirect_uri: notesUri(),
    scope: "openid",
    code_challenge: "a".repeat(43),
    code_challenge_method: "S256",
  }))
    url.searchParams.set(name, value);
  await page.goto(url.href);
  // Asked once, and remembered.
  if (!page.url().startsWith(notesUri())) await page.getByRole("button", { name: /allow/i }).click();
  await page.waitForURL(`${notesUri()}?code=*`);
  await page.close();
}

/** It says so, and offers to sign in. */
async function isSignedOut(app: Page): Promise<void> {
  await app.locator("#badge").getByText("Signed out", { exact: true }).waitFor();
  await app.getByRole("button", { name: /^Sign in/ }).waitFor();
}

async function confirmSignOut(app: Page): Promise<void> {
  await app.getByRole("heading", { name: "Sign out?" }).waitFor();
  await app.getByRole("button", { name: "Sign out", exact: true }).click();
}

async function arriveSignedIn(app: Page): Promise<void> {
  const allow = app.getByRole("button", { name: /allow/i });
  const called = rowsWith(app, "200").first();
  await called.or(allow).first().waitFor();
  if (await allow.isVisible()) await allow.click();
  await rowsWith(app, "200").nth(1).waitFor();
}

async function signedInAccount(context: BrowserContext): Promise<Page> {
  const account = await context.newPage();
  await account.goto(`${stack.info.issuer}/account`);
  await fillLogin(account, stack.info.demo);
  return account;
}

async function pressSignOutEverywhere(account: Page): Promise<void> {
  await account.getByRole("button", { name: /sign out everywhere/i }).click();
}
