import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  arrivalAt,
  assertPageIsSound,
  bearer,
  clientCredentials,
  exchange,
  fillLogin,
  keepScreenshot,
  launchChromium,
  RelyingParty,
  reconfigureIssuer,
  type SignIn,
  type Stack,
  signInThroughPages,
  startStack,
  VIEWPORTS,
  webClientOf,
} from "@portcullis/testing/end-to-end";
import type { Browser, BrowserContext, Page } from "playwright-core";

let stack: Stack;
let chromium: Browser;
let party: RelyingParty;
/** An app that can do without the e-mail address and without changing anything. */
let granular: RelyingParty;

before(async () => {
  [stack, chromium] = await Promise.all([startStack(), launchChromium()]);
  await reconfigureIssuer(stack, ({ clients }) => {
    const web = clients.find(({ clientId }) => clientId === stack.info.clients.web.clientId)!;
    const optionalScopes = ["email", "orders.write"];
    clients.push({ ...structuredClone(web), clientId: "granular", name: "Order helper", optionalScopes });
  });
  party = await RelyingParty.discover(stack.info);
  const client = { ...webClientOf(stack.info), clientId: "granular" };
  granular = await RelyingParty.discover(stack.info, client);
});
after(() => Promise.all([stack.stop(), chromium.close()]));

/** As a person does who gives a script a token. */
async function askForToken(page: Page, { password }: { readonly password: string }): Promise<void> {
  await page.getByLabel("Name").fill("Nightly export");
  await page.getByRole("checkbox", { name: "See your orders" }).check();
  await page.getByLabel("Your password").fill(password);
  await page.getByRole("button", { name: "Make token" }).click();
}

/** Each way leads a fresh browser to one page of the authorization server. */
const WAYS: Readonly<Record<string, (context: BrowserContext) => Promise<Page>>> = {
  login: async (context) => open(context, (await party.begin()).url.href),
  "login-refused": async (context) => {
    const page = await open(context, (await party.begin()).url.href);
    await fillLogin(page, { ...stack.info.demo, password: "not the password" });
    await page.getByRole("alert").waitFor();
    return page;
  },
  consent: async (context) => {
    const page = await open(context, (await party.begin({ prompt: "login consent" })).url.href);
    await fillLogin(page, stack.info.demo);
    await page.getByRole("button", { name: /allow/i }).waitFor();
    return page;
  },
  "choose-session": async (context) => {
    const other = await chromium.newContext();
    await signedIn(other);
    await other.close();
    await limitSessions({ max: 1, per: "user", overflow: "ask" });
    const page = await open(context, (await party.begin()).url.href);
    await fillLogin(page, stack.info.demo);
    await page.getByRole("heading", { name: "Choose a device to sign out" }).waitFor();
    await limitSessions(null);
    return page;
  },
  "consent-granular": async (context) => {
    const scope = "openid profile email orders.read orders.write";
    const page = await open(context, (await granular.begin({ scope, prompt: "login consent" })).url.href);
    await fillLogin(page, stack.info.demo);
    await page.getByRole("checkbox").first().waitFor();
    return page;
  },
  account: async (context) => {
    await signedIn(context);
    return open(context, `${stack.info.issuer}/account`);
  },
  "account-password": async (context) => {
    await signedIn(context);
    return open(context, `${stack.info.issuer}/account/password`);
  },
  "account-password-refused": async (context) => {
    await signedIn(context);
    const page = await open(context, `${stack.info.issuer}/account/password`);
    await page.getByLabel("Current password").fill("not the password");
    await page.getByLabel("New password", { exact: true }).fill("a brand new battery staple");
    await page.getByLabel("New password again").fill("a brand new battery staple");
    await page.getByRole("button", { name: "Change password" }).click();
    await page.getByText("This is not your password.").waitFor();
    return page;
  },
  "account-tokens": async (context) => {
    await signedIn(context);
    return open(context, `${stack.info.issuer}/account/tokens`);
  },
  "account-tokens-refused": async (context) => {
    await signedIn(context);
    const page = await open(context, `${stack.info.issuer}/account/tokens`);
    await askForToken(page, { password: "not the password" });
    await page.getByText("This is not your password.").waitFor();
    return page;
  },
  "account-token-made": async (context) => {
    await signedIn(context);
    const page = await open(context, `${stack.info.issuer}/account/tokens`);
    await askForToken(page, stack.info.demo);
    await page.getByRole("status").waitFor();
    const text = page.locator('input[value^="pcl_pat_"]');
    await text.focus();
    await page.keyboard.press("ControlOrMeta+A");
    const { selected, whole } = await text.evaluate((field: HTMLInputElement) => ({
      selected: field.value.slice(field.selectionStart!, field.selectionEnd!),
      whole: field.value,
    }));
    assert.equal(selected, whole, "it can be copied whole, however narrow the window is");
    return page;
  },
  "account-delete": async (context) => {
    await signedIn(context);
    return open(context, `${stack.info.issuer}/account/delete`);
  },
  "logout-confirmation": async (context) => {
    const { idToken } = await signedIn(context);
    return open(context, party.endSessionUrl(idToken).href);
  },
  "signed-out": async (context) => {
    const { idToken } = await signedIn(context);
    const page = await open(context, party.endSessionUrl(idToken).href);
    await page
      .getByRole("button", { name: /sign out/i })
      .first()
      .click();
    await page.getByRole("heading", { name: /signed out/i }).waitFor();
    return page;
  },
  "sign-out-without-session": async (context) => {
    const { idToken } = await signedIn(context);
    await context.clearCookies();
    const page = await open(context, party.endSessionUrl(idToken).href);
    await page.getByRole("heading", { name: "You were not signed out" }).waitFor();
    return page;
  },
  "api-reference": async (context) => open(context, `${stack.info.issuer}/api/reference`),
  "sign-out-of-nobody": async (context) => open(context, `${stack.info.issuer}/logout`),
  error: async (context) => {
    const { url } = await party.begin();
    url.searchParams.set("client_id", "nobody");
    return open(context, url.href);
  },
};

for (const [size, viewport] of Object.entries(VIEWPORTS)) {
  describe(`the pages without JavaScript, on a ${size}`, () => {
    for (const [name, way] of Object.entries(WAYS)) {
      it(`shows ${name} within the window, labelled, and reachable by keyboard`, async () => {
        const context = await chromium.newContext({ viewport, javaScriptEnabled: false });
        const page = await way(context);
        await keepScreenshot(page, `${name}-${size}`);
        await assertPageIsSound(page);
        await context.close();
      });
    }
  });
}

describe("the consent page of an app that can do without some of it", () => {
  it("is answered by keyboard, and what was unticked is told on the account page", async () => {
    const context = await chromium.newContext({ javaScriptEnabled: false });
    const page = await WAYS["consent-granular"]!(context);
    const email = page.getByRole("checkbox", { name: "See your e-mail address" });
    assert.equal(await email.isChecked(), true);
    await email.focus();
    await page.keyboard.press("Space");
    assert.equal(await email.isChecked(), false);
    const length = page.getByRole("group", { name: "For how long?" });
    await length.getByRole("radio", { name: "Until I remove it" }).focus();
    await page.keyboard.press("ArrowDown");
    assert.equal(await length.getByRole("radio", { name: "30 days" }).isChecked(), true);
    const arrival = arrivalAt(page, (url) => url.searchParams.has("code"));
    await page.getByRole("button", { name: "Allow" }).click();
    await arrival;
    const account = await open(context, `${stack.info.issuer}/account`);
    const row = account.getByRole("listitem").filter({ hasText: "Order helper" }).first();
    assert.match((await row.textContent())!, /until \d{4}-\d{2}-\d{2}/);
    await row.getByText("What it may do").click();
    await row.getByText("You did not allow:").waitFor();
    assert.match((await row.textContent())!, /You did not allow:\s*See your e-mail address/);
    await keepScreenshot(account, "account-granular");
    await assertPageIsSound(account);
    await context.close();
  });
});

describe("the page of tokens, in a window of 360 px", () => {
  const writer = { username: "writer", password: "correct horse battery staple" };
  let context: BrowserContext;
  /** A token of the administrator's app. */
  let administrator: string;
  before(async () => {
    const scope = "users.write tokens.write";
    administrator = await clientCredentials(stack.info, { ...stack.info.clients.admin, scope });
    await administer("/users", { ...writer, name: "Writer" });
    const viewport = { width: 360, height: 640 };
    context = await chromium.newContext({ viewport, javaScriptEnabled: false });
    const { page } = await signInThroughPages(context, await party.begin(), writer);
    await page.close();
  });
  after(() => context.close());

  const openTokens = () => open(context, `${stack.info.issuer}/account/tokens`);
  async function administer(path: string, body: object): Promise<Record<string, unknown>> {
    const headers = { ...bearer(administrator), "content-type": "application/json" };
    const sent = { method: "POST", body: JSON.stringify(body), headers };
    const answer = await exchange(`${stack.info.api}${path}`, sent);
    assert.ok([200, 201, 202].includes(answer.status), answer.body);
    return JSON.parse(answer.body);
  }

  const ofWriter = (path: string, body: object) =>
    administer(`/users/${writer.username}/tokens${path}`, body);
  const wanted = (name: string) => ({
    name,
    api: stack.info.resource,
    permissions: ["orders.read"],
    expiresAt: new Date(Date.now() + 86_400_000).toISOString(),
  });

  async function assertSound(page: Page, name: string): Promise<void> {
    await keepScreenshot(page, `account-tokens-${name}`);
    await assertPageIsSound(page);
    await page.close();
  }

  it("says that there are none, and that one was ended, which is done by keyboard", async () => {
    const page = await openTokens();
    await page.getByText("You have no tokens.").waitFor();
    await askForToken(page, writer);
    await page.getByRole("status").filter({ hasText: "is made" }).waitFor();
    await page.getByRole("button", { name: /^End Nightly export, made / }).press("Enter");
    await page.getByRole("status").filter({ hasText: "Nightly export has ended" }).waitFor();
    await page.getByText("You have no tokens.").waitFor();
    assert.equal(await page.locator('input[value^="pcl_pat_"]').count(), 0, "its text is not shown again");
    await assertSound(page, "ended");
  });

  it("tells a token that was replaced from the one in its place", async () => {
    const { id } = await ofWriter("", wanted("Weekly report"));
    await ofWriter(`/${id}/rotate`, { overlapSeconds: 3600 });
    const page = await openTokens();
    const rows = page.getByRole("listitem").filter({ hasText: "Weekly report" });
    await rows.first().waitFor();
    const texts = await rows.allTextContents();
    assert.deepEqual(texts.map((text) => /Weekly report\s*replaced/.test(text)).toSorted(), [false, true]);
    await assertSound(page, "rotated");
  });

  it("shows as many as there may be, and says why there is no room for one more", async () => {
    const left = 100 - (await (await openTokens()).getByRole("button", { name: /^End / }).count());
    await Promise.all(Array.from({ length: left }, (_, at) => ofWriter("", wanted(`Job ${at}`))));
    const page = await openTokens();
    await askForToken(page, writer);
    await page.getByRole("alert").filter({ hasText: "as many tokens as there may be" }).waitFor();
    assert.equal(await page.getByRole("button", { name: /^End / }).count(), 100);
    assert.equal(await page.getByLabel("Name").inputValue(), "Nightly export", "what was typed in is kept");
    await assertSound(page, "full");
  });
});

describe("the pages", () => {
  it("load nothing from other hosts and complain of nothing", async () => {
    const context = await chromium.newContext();
    const problems: string[] = [];
    context.on("request", (request) => {
      if (!request.url().startsWith(stack.info.issuer)) problems.push(`asks ${request.url()}`);
    });
    context.on("console", (message) => {
      if (message.type() === "error") problems.push(message.text());
    });
    context.on("weberror", (error) => problems.push(String(error.error())));
    await WAYS.consent!(context);
    await context.close();
    assert.deepEqual(problems, []);
  });

  it("refuse to be framed, sniffed or referred from", async () => {
    const page = await open(await chromium.newContext(), "about:blank");
    const response = (await page.goto((await party.begin()).url.href))!;
    const headers = response.headers();
    assert.match(headers["content-security-policy"] ?? "", /frame-ancestors 'none'/);
    assert.match(headers["content-security-policy"] ?? "", /default-src 'none'|default-src 'self'/);
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.match(headers["referrer-policy"] ?? "", /no-referrer|same-origin/);
    assert.match(headers["cache-control"] ?? "", /no-store/);
    await page.context().close();
  });

  it("show times as how long ago they were, and exactly in the reader's zone and language when pressed", async () => {
    const context = await chromium.newContext({ locale: "de-DE", timezoneId: "Asia/Kolkata" });
    const problems: string[] = [];
    context.on("console", (message) => {
      if (message.type() === "error") problems.push(message.text());
    });
    const page = await WAYS.account!(context);
    const time = page.locator("time").first();
    const shown = time.getByRole("button");
    await shown.waitFor();
    assert.match((await shown.textContent())!, /^(now|\d+ minutes? ago)$/);
    const at = new Date((await time.getAttribute("datetime"))!);
    const zone = { timeZone: "Asia/Kolkata" } as const;
    const exact = [
      at.toLocaleDateString("de-DE", { ...zone, day: "numeric", month: "long", year: "numeric" }),
      at.toLocaleTimeString("de-DE", { ...zone, hour: "2-digit", minute: "2-digit" }),
    ];
    const says = (text: string | null) => {
      for (const part of exact) assert.ok(text?.includes(part), `${part} in ${text}`);
      assert.doesNotMatch(text!, /UTC/);
    };
    says(await shown.getAttribute("title"));
    await shown.press("Enter");
    says((await shown.textContent())!);
    says(await page.getByRole("button", { name: /^Sign out .*this device/ }).getAttribute("aria-label"));
    await shown.press("Enter");
    assert.match((await shown.textContent())!, /ago$|^now$/);
    await assertPageIsSound(page);
    await keepScreenshot(page, "account-with-script");
    await context.close();
    assert.deepEqual(problems, []);
  });

  it("say times in UTC without JavaScript", async () => {
    const context = await chromium.newContext({ javaScriptEnabled: false, timezoneId: "Asia/Kolkata" });
    const page = await WAYS.account!(context);
    for (const text of await page.locator("time").allInnerTexts()) assert.match(text, / UTC$/);
    await context.close();
  });

  it("signs in by keyboard alone", async () => {
    const context = await chromium.newContext();
    const attempt: SignIn = await party.begin({ prompt: "login consent" });
    const page = await open(context, "about:blank");
    const arrived = arrivalAt(page, attempt.isEnd);
    await page.goto(attempt.url.href);
    await page.locator('input[name="username"]').focus();
    await page.keyboard.type(stack.info.demo.username);
    await page.keyboard.press("Tab");
    await page.keyboard.type(stack.info.demo.password);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: /allow/i }).press("Enter");
    const { accessToken } = await attempt.finish(await arrived);
    assert.ok(accessToken.split(".").length === 3);
    await context.close();
  });
});

async function limitSessions(sessionLimit: object | null): Promise<void> {
  const { api, clients } = stack.info;
  const token = await clientCredentials(stack.info, { ...clients.admin, scope: "config.write" });
  const answer = await exchange(`${api}/policies/default`, {
    method: "PATCH",
    body: JSON.stringify({ sessionLimit }),
    headers: { ...bearer(token), "content-type": "application/json" },
  });
  assert.equal(answer.status, 200, answer.body);
}

async function open(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

async function signedIn(context: BrowserContext) {
  const attempt = await party.begin();
  const { page, callback } = await signInThroughPages(context, attempt, stack.info.demo);
  const tokens = await attempt.finish(callback);
  await page.close();
  return tokens;
}
