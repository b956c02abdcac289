import type { Browser, BrowserContext, Page } from "playwright-core";
import { PATIENCE_MS } from "../patience.ts";
import type { SignIn } from "./relying-party.ts";
import { slowDown } from "./slow-browser.ts";
import type { StackInfo } from "./stack.ts";

const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Headless Chromium. A context of it (`newContext`) is a device: cookies of its own. */
export async function launchChromium(): Promise<Browser> {
  // Loaded here, because most tests need no browser and the library takes a while to load.
  const { chromium } = await import("playwright-core");
  const executablePath = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: ARGUMENTS });
  const { PORTCULLIS_SLOW_BROWSER: seed } = process.env;
  const slow = seed === undefined ? undefined : slowDown(Number(seed));
  adaptContexts(browser, (context) => {
    // By itself the library gives up after 30 s.
    context.setDefaultTimeout(PATIENCE_MS);
    slow?.(context);
  });
  return browser;
}

function adaptContexts(browser: Browser, adapt: (context: BrowserContext) => void): void {
  const newContext = browser.newContext.bind(browser);
  browser.newContext = async (options) => {
    const context = await newContext(options);
    adapt(context);
    return context;
  };
}

/** Goes through the real pages from the authorization request to the redirect URI. */
export async function signInThroughPages(
  context: BrowserContext,
  attempt: SignIn,
  credentials: StackInfo["demo"],
): Promise<{ page: Page; callback: URL }> {
  const page = await context.newPage();
  const callback = arrivalAt(page, attempt.isEnd);
  await page.goto(attempt.url.href);
  await fillLogin(page, credentials);
  await consent(page, callback);
  return { page, callback: await callback };
}

export async function fillLogin(page: Page, { username, password }: StackInfo["demo"]): Promise<void> {
  await page.locator('input[name="username"]').fill(username);
  await page.locator('input[type="password"]').fill(password);
  await page.locator('form:has(input[type="password"]) button[type="submit"]').first().click();
}

/** Presses the affirmative button of the consent page, if one is shown before the redirect. */
async function consent(page: Page, callback: Promise<URL>): Promise<void> {
  const agree = page.getByRole("button", { name: /allow|continue|agree|accept|approve|authorize|grant/i });
  const shown = agree
    .first()
    .waitFor()
    .then(() => true);
  shown.catch(() => undefined);
  if (await Promise.race([shown, callback.then(() => false)])) await agree.first().click();
}

/**
 * Where the redirect URI was asked for. Playwright intercepts no redirects, so the request goes on to the demo web
 * app, which did not begin this sign-in and does nothing with the code.
 */
export async function arrivalAt(page: Page, isEnd: SignIn["isEnd"]): Promise<URL> {
  const request = await page.waitForRequest((candidate) => isEnd(new URL(candidate.url())));
  return new URL(request.url());
}
