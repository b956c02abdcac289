import { type Page, PlainBrowser } from "./plain-browser.ts";
import type { RelyingParty, SignIn, Tokens } from "./relying-party.ts";
import type { StackInfo } from "./stack.ts";

type Credentials = StackInfo["demo"];
const MAX_PAGES = 6;
const REFUSAL = /cancel|deny|refuse|back|not now|abort/i;

export interface Device extends Tokens {
  readonly browser: PlainBrowser;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Signs a user in on a device of its own, or on the one given, through the real pages without JavaScript. */
export async function signIn(
  party: RelyingParty,
  credentials: Credentials,
  options: { browser?: PlainBrowser; parameters?: Record<string, string> } = {},
): Promise<Device> {
  const browser = options.browser ?? new PlainBrowser();
  const attempt = await party.begin(options.parameters);
  const callback = await passPages(browser, attempt, credentials);
  const tokens = await attempt.finish(callback);
  return { ...tokens, browser, claims: claimsOf(tokens.accessToken) };
}

/** From the authorization request to the redirect URI. */
export async function passPages(
  browser: PlainBrowser,
  attempt: SignIn,
  credentials: Credentials,
): Promise<URL> {
  let page = await browser.open(attempt.url, attempt.isEnd);
  for (let pages = 0; !attempt.isEnd(page.url); pages++) {
    if (pages === MAX_PAGES)
      throw new Error(`no way to the redirect URI; at ${page.url.href}:\n${page.body}`);
    page = await passPage(browser, page, attempt, credentials);
  }
  return page.url;
}

async function passPage(
  browser: PlainBrowser,
  page: Page,
  attempt: SignIn,
  credentials: Credentials,
): Promise<Page> {
  const form = page.forms.find((candidate) => candidate.hasPassword) ?? page.forms[0];
  if (form === undefined) throw new Error(`no form on ${page.url.href} (${page.status}):\n${page.body}`);
  const button = form.buttons.find(({ text }) => !REFUSAL.test(text));
  return browser.submit(page, form, {
    fill: form.hasPassword ? { username: credentials.username, password: credentials.password } : {},
    ...(button !== undefined && { button }),
    isEnd: attempt.isEnd,
  });
}

/** The claims of a JWT, unverified: what a test needs to name what it revokes. */
export function claimsOf(token: string): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString("utf8"));
}
