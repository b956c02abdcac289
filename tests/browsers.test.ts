import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import {
  fillLogin,
  launchChromium,
  RelyingParty,
  reconfigureIssuer,
  type Stack,
  startStack,
} from "@portcullis/testing/end-to-end";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";

/** Where the app leads on to: another origin, which the authorization server knows nothing of. */
const elsewhere = serve(() => ({ body: "<h1>Elsewhere</h1>" }));
/** Pages of the app that were loaded to sign out there. */
const framed: string[] = [];
const app = serve((path) => {
  if (path === "/front-channel") framed.push(path);
  if (path === "/callback" || path === "/signed-out") return { leadsTo: `${originOf(elsewhere)}${path}` };
  return { body: PAGES[path] ?? "" };
});

/** As oidc-client-ts does it: the callback tells the window that opened it, and closes. */
const PAGES: Readonly<Record<string, string>> = {
  "/": `<h1>App</h1><script>
    onmessage = ({ data }) => { document.querySelector("h1").textContent = data; };
  </script>`,
  "/popup-callback": `<script>
    opener.postMessage("came back with " + new URL(location).searchParams.keys().next().value, origin);
    close();
  </script>`,
};

/** What an app was asked for that never answers. */
const unanswered: string[] = [];
const hanging = serve((path) => void unanswered.push(path));

let stack: Stack;
let chromium: Browser;
let party: RelyingParty;
let popup: RelyingParty;

before(async () => {
  [stack, chromium] = await Promise.all([
    startStack(),
    launchChromium(),
    elsewhere.listening,
    app.listening,
    hanging.listening,
  ]);
  const at = originOf(app);
  await reconfigureIssuer(stack, ({ clients }) => {
    const web = clients.find(({ clientId }) => clientId === stack.info.clients.web.clientId)!;
    const uris = {
      redirectUris: [`${at}/callback`, `${at}/popup-callback`],
      postLogoutRedirectUris: [`${at}/signed-out`],
    };
    clients.push({
      ...structuredClone(web),
      ...uris,
      clientId: "browser-app",
      name: "Browser app",
      ...{ frontchannelLogoutUri: `${at}/front-channel` },
    });
    clients.push({
      ...structuredClone(web),
      clientId: "hanging-app",
      name: "Hanging app",
      ...{
        redirectUris: [`${originOf(elsewhere)}/hanging-callback`, `${originOf(hanging)}/`],
        frontchannelLogoutUri: `${originOf(hanging)}/front-channel`,
      },
    });
  });
  const appAt = (path: string) =>
    RelyingParty.discover(stack.info, { clientId: "browser-app", redirectUri: at + path });
  [party, popup] = await Promise.all([appAt("/callback"), appAt("/popup-callback")]);
});
after(async () => {
  await Promise.all([stack.stop(), chromium.close(), elsewhere.close(), app.close(), hanging.close()]);
});

describe("an app whose callback leads on to another origin", () => {
  it("is reached after signing in and consenting", async () => {
    await inContext(async (context) => {
      const page = await signedIn(context);
      assert.ok(new URL(page.url()).searchParams.has("code"));
    });
  });

  it("is reached after a cancelled sign-in", async () => {
    await inContext(async (context) => {
      const page = await context.newPage();
      await page.goto((await party.begin({ prompt: "login consent" })).url.href);
      await fillLogin(page, stack.info.demo);
      await page.getByRole("button", { name: /deny|cancel/i }).click();
      await page.waitForURL(`${originOf(elsewhere)}/callback?error=access_denied*`);
    });
  });

  it("is reached by form_post", async () => {
    await inContext(async (context) => {
      const page = await context.newPage();
      await page.goto((await party.begin({ prompt: "login", response_mode: "form_post" })).url.href);
      await fillLogin(page, stack.info.demo);
      await page.waitForURL(`${originOf(elsewhere)}/callback`);
    });
  });

  it("is reached after signing out", async () => {
    await inContext(async (context) => {
      const page = await signedIn(context);
      const query = new URLSearchParams({
        client_id: "browser-app",
        post_logout_redirect_uri: `${originOf(app)}/signed-out`,
        state: "of the app",
      });
      await page.goto(`${stack.info.issuer}/logout?${query}`);
      await page.getByRole("button", { name: "Sign out", exact: true }).click();
      await page.waitForURL(`${originOf(elsewhere)}/signed-out?state=of+the+app`);
    });
  });
});

describe("a sign-out that tells the apps in the browser", () => {
  for (const javaScriptEnabled of [true, false])
    it(`loads their pages and goes on, ${javaScriptEnabled ? "with" : "without"} scripts`, async () => {
      await inContext(
        async (context) => {
          const before = framed.length;
          await signOut(await signedIn(context));
          assert.equal(framed.length, before + 1);
        },
        { javaScriptEnabled },
      );
    });

  it("waits some seconds, and no longer, for one that does not answer", async () => {
    await inContext(async (context) => {
      const page = await signedIn(context);
      const other = await context.newPage();
      const redirectUri = `${originOf(elsewhere)}/hanging-callback`;
      const there = await RelyingParty.discover(stack.info, { clientId: "hanging-app", redirectUri });
      await other.goto((await there.begin({ prompt: "consent" })).url.href);
      await other.getByRole("button", { name: /allow/i }).click();
      await other.waitForURL(`${redirectUri}?*`);
      const before = framed.length;
      await signOut(page);
      assert.deepEqual(unanswered, ["/front-channel"]);
      assert.equal(framed.length, before + 1, "the others are told");
    });
  });
});

async function signOut(page: Page): Promise<void> {
  const query = new URLSearchParams({
    client_id: "browser-app",
    post_logout_redirect_uri: `${originOf(app)}/signed-out`,
  });
  await page.goto(`${stack.info.issuer}/logout?${query}`);
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.waitForURL(`${originOf(elsewhere)}/signed-out`);
}

describe("a sign-in in a popup", () => {
  it("comes back to the window that opened it", async () => {
    await inContext(async (context) => {
      const page = await context.newPage();
      await page.goto(originOf(app));
      const opened = page.waitForEvent("popup");
      await page.evaluate(
        (url) => void open(url, "sign-in", "popup"),
        (await popup.begin({ prompt: "login consent" })).url.href,
      );
      const window = await opened;
      await fillLogin(window, stack.info.demo);
      await window.getByRole("button", { name: /allow/i }).click();
      await page.getByRole("heading", { name: "came back with code" }).waitFor();
    });
  });
});

describe("a form that somebody put into our sign-in page", () => {
  it("is not sent to another origin, nor to the app's", async () => {
    await inContext(async (context) => {
      for (const target of [originOf(elsewhere), originOf(app)]) {
        const page = await context.newPage();
        await page.goto((await party.begin()).url.href);
        const refused = page.waitForEvent("console", (message) => message.text().includes("form-action"));
        await page.evaluate((action) => {
          document.body.innerHTML = `<form method="post" action="${action}"><input name="password"></form>`;
          document.forms[0]!.requestSubmit();
        }, `${target}/stolen`);
        await refused;
        assert.ok(page.url().startsWith(stack.info.issuer));
      }
    });
  });
});

async function signedIn(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  await page.goto((await party.begin({ prompt: "login consent" })).url.href);
  await fillLogin(page, stack.info.demo);
  await page.getByRole("button", { name: /allow/i }).click();
  await page.waitForURL(`${originOf(elsewhere)}/callback?*`);
  return page;
}

async function inContext(
  run: (context: BrowserContext) => Promise<void>,
  options: BrowserContextOptions = {},
): Promise<void> {
  const context = await chromium.newContext(options);
  try {
    await run(context);
  } finally {
    await context.close();
  }
}

interface Answer {
  readonly body?: string;
  /** The callback's parameters go along. */
  readonly leadsTo?: string;
}

/** No answer: the browser waits. */
function serve(answer: (path: string) => Answer | undefined) {
  const server: Server = createServer((request, response) => {
    const { pathname, search } = new URL(request.url!, "http://app.test");
    const given = answer(pathname);
    if (given === undefined) return;
    const { body, leadsTo } = given;
    if (leadsTo !== undefined) response.writeHead(302, { location: leadsTo + search }).end();
    else response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(body);
  });
  const listening = new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { server, listening, close };
}

function originOf({ server }: { readonly server: Server }): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
