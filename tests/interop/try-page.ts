/** What every app that runs in a browser alone must be able to do, in Chromium. */
import { RECEIPT_HEADER } from "@portcullis/protocol";
import { fillLogin } from "@portcullis/testing/end-to-end";
import type { Browser, Page } from "playwright-core";
import type { PageTrial, Step } from "./trials.ts";
import { refusedAtOnce } from "./try-web-app.ts";
import type { World } from "./world.ts";

export interface PageTried {
  readonly world: World;
  readonly chromium: Browser;
  readonly trial: PageTrial;
}

/** Goes through the steps one after the other, and tells each that has passed. */
export async function tryPage(
  tried: PageTried,
  passed: (step: Step) => void = () => undefined,
): Promise<void> {
  const { world, chromium, trial } = tried;
  await world.start(trial);
  const context = await chromium.newContext();
  const said: string[] = [];
  context.on("console", (message) => void said.push(message.text()));
  context.on("weberror", (error) => void said.push(String(error.error())));
  const page = await context.newPage();
  try {
    await page.goto(world.appOf(trial).baseUrl);
    await nobodyIsSignedIn(page);
    if (trial.hasPopup) {
      await signInInPopup(tried, page);
      passed("sign in by popup");
      await signOut(page);
    }
    await signIn(tried, page);
    passed("sign in");
    await call(page);
    passed("call");
    await renew(page);
    passed(trial.renewal);
    const token = await accessTokenOf(page);
    const isEnforced = await signOut(page);
    passed("sign out");
    await refusedAtOnce(world, token, isEnforced);
    passed("refused at once");
  } catch (cause) {
    throw new Error(`${cause}\nat ${page.url()}, where the browser said:\n${said.join("\n")}`, { cause });
  } finally {
    await context.close();
  }
}

const nobodyIsSignedIn = (page: Page) => page.locator("#name", { hasText: "nobody" }).waitFor();

async function isSignedIn(page: Page): Promise<void> {
  await page.locator("#name", { hasText: "Demo User" }).waitFor();
}

async function signIn({ world }: PageTried, page: Page): Promise<void> {
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await passPages(world, page);
  await isSignedIn(page);
}

async function signInInPopup({ world }: PageTried, page: Page): Promise<void> {
  const opened = page.waitForEvent("popup");
  await page.getByRole("button", { name: "Sign in in a popup" }).click();
  const popup = await opened;
  const closed = popup.waitForEvent("close");
  await passPages(world, popup);
  await Promise.all([closed, isSignedIn(page)]);
}

/** Consent is asked for once. */
async function passPages({ stack }: World, page: Page): Promise<void> {
  await page.locator('input[type="password"]').waitFor();
  const isAway = (url: URL) => url.origin !== new URL(stack.info.issuer).origin;
  const away = page.waitForURL(isAway).catch(() => undefined);
  await fillLogin(page, stack.info.demo);
  const allow = page.getByRole("button", { name: /allow/i });
  const asked = allow.waitFor().then(
    () => true,
    () => false,
  );
  if (await Promise.race([asked, away.then(() => false)])) await allow.click();
}

async function call(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Call" }).click();
  await page.locator("#answer", { hasText: "200" }).waitFor();
}

/** By a button, or by nobody's hand: then the token is near its end. */
async function renew(page: Page): Promise<void> {
  const before = await accessTokenOf(page);
  const button = page.getByRole("button", { name: "Renew" });
  if ((await button.count()) > 0) await button.click();
  await page.waitForFunction((token) => {
    const { accessToken } = window as { accessToken?: string };
    return accessToken !== undefined && accessToken !== token;
  }, before);
  await call(page);
}

/** Returns whether the receipt says `enforced`. */
async function signOut(page: Page): Promise<boolean> {
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign out?" }).waitFor();
  const answered = page.waitForResponse((response) => RECEIPT_HEADER in response.headers());
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  const receipt = (await answered).headers()[RECEIPT_HEADER]!;
  await nobodyIsSignedIn(page);
  return receipt.includes("state=enforced");
}

const accessTokenOf = (page: Page): Promise<string> =>
  page.evaluate(() => (window as { accessToken?: string }).accessToken!);
