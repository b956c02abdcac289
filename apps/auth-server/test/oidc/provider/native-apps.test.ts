/** Apps on the user's own device (RFC 8252): addresses of a private-use scheme, and of this machine with whatever port. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { exchange, PlainBrowser } from "@portcullis/testing/end-to-end";
import { begin, claimsOf, form, ok, token } from "../app.ts";
import { ALICE, BOB, type ServerUnderTest, startServer } from "../server-under-test.ts";

const PRIVATE_USE = "com.example.app:/callback";
const IPV4 = "http://127.0.0.1/callback";
const IPV6 = "http://[::1]:4000/callback";
const LOCALHOST = "http://localhost:4000/callback";

let server: ServerUnderTest;
before(async () => {
  server = await startServer({
    change: ({ clients }) =>
      (clients as object[]).push({
        clientId: "device-app",
        name: "Device app",
        type: "native",
        redirectUris: [PRIVATE_USE, IPV4, IPV6, LOCALHOST],
        postLogoutRedirectUris: ["http://127.0.0.1/bye"],
        grantTypes: ["authorization_code", "refresh_token"],
        resources: { "https://orders.portcullis.example": ["orders.read"] },
      }),
  });
});
after(() => server.stop());

const asking = (redirectUri: string, clientId = "device-app") =>
  begin(server.issuer, { client_id: clientId, redirect_uri: redirectUri });

async function signInAt(redirectUri: string, browser = new PlainBrowser(), credentials = ALICE) {
  const attempt = asking(redirectUri);
  const isEnd = (url: URL) => url.href.startsWith(redirectUri);
  let page = await browser.open(attempt.url, isEnd);
  const pages: string[] = [];
  while (!isEnd(page.url)) {
    assert.equal(page.status, 200, page.body);
    pages.push(/<h1>(.*?)<\/h1>/.exec(page.body)![1]!.replace(/<\/?bdi>/g, ""));
    const [shown] = page.forms;
    page = await browser.submit(page, shown!, { fill: shown!.hasPassword ? credentials : {}, isEnd });
  }
  return { attempt, url: page.url, pages, browser, trail: page.trail };
}

const redeemAt = (redirectUri: string, { attempt, url }: Awaited<ReturnType<typeof signInAt>>) =>
  token(server.issuer, {
    grant_type: "authorization_code",
    client_id: "device-app",
    code: url.searchParams.get("code")!,
    redirect_uri: redirectUri,
    code_verifier: attempt.verifier,
  });

describe("a native app", () => {
  const addresses = [
    PRIVATE_USE,
    IPV4,
    "http://127.0.0.1:51004/callback",
    IPV6,
    "http://[::1]:51004/callback",
    LOCALHOST,
  ];
  for (const address of addresses) {
    it(`is answered at ${address}`, async () => {
      const signedIn = await signInAt(address);
      assert.equal(claimsOf(ok(await redeemAt(address, signedIn)).access_token).client_id, "device-app");
    });
  }

  it("is handed over by the redirect that follows the click, where the system hands its address over", async () => {
    const { trail } = await signInAt(PRIVATE_USE);
    const last = trail.at(-1)!;
    assert.equal(last.status, 303);
    assert.ok(last.headers.location?.startsWith(PRIVATE_USE));
    const { headers } = await new PlainBrowser().open(asking(PRIVATE_USE).url);
    assert.match(String(headers["content-security-policy"]), /form-action 'self' com\.example\.app:/);
  });

  it("redeems its code with the port that it had, and no other", async () => {
    const signedIn = await signInAt("http://127.0.0.1:51004/callback");
    assert.equal((await redeemAt("http://127.0.0.1:51005/callback", signedIn)).status, 400);
  });

  it("pushes a request with whatever port", async () => {
    const { url } = asking("http://127.0.0.1:51004/callback");
    const body = form(Object.fromEntries(url.searchParams));
    assert.equal((await exchange(`${server.issuer}/par`, { body })).status, 201);
  });

  it("is led back after a sign-out to whatever port", async () => {
    const logout = new URL("/logout", server.issuer);
    logout.searchParams.set("client_id", "device-app");
    logout.searchParams.set("post_logout_redirect_uri", "http://127.0.0.1:51004/bye");
    assert.equal((await new PlainBrowser().open(logout)).status, 200);
  });

  it("is answered only after somebody has looked: another program can pretend to be it", async () => {
    const first = await signInAt(PRIVATE_USE, new PlainBrowser(), BOB);
    assert.deepEqual(first.pages, ["Sign in", "Allow Device app?"]);
    const silent = await signInAt(PRIVATE_USE, first.browser);
    assert.deepEqual(silent.pages, ["Allow Device app?"]);
    const again = await signInAt(PRIVATE_USE, new PlainBrowser(), BOB);
    assert.deepEqual(again.pages, ["Sign in"], "what was allowed is remembered");
  });
});

describe("an address that a native app did not register", () => {
  const tricks = [
    "http://127.0.0.1:51004/Callback",
    "http://127.0.0.1:51004/callback/",
    "http://127.0.0.1:51004/callback?x=1",
    "http://127.0.0.1:51004/callback#x",
    "http://127.0.0.1:51004/x/../callback",
    "http://127.0.0.1:51004/%63allback",
    "http://127.0.0.1:51004",
    "http://127.0.0.1:0/callback",
    "http://127.0.0.1:/callback",
    "http://127.0.0.1:051004/callback",
    "http://127.0.0.1:70000/callback",
    "http://127.0.0.1:51004@evil.test/callback",
    "http://user@127.0.0.1:51004/callback",
    "http://127.0.0.1:51004\\@evil.test/callback",
    "http://127.0.0.1:51004\t/callback",
    "http://127.0.0.1:51004\n/callback",
    "http://127.0.0.1.evil.test:51004/callback",
    "http://127.0.0.2:51004/callback",
    "http://127.1:51004/callback",
    "http://0x7f000001:51004/callback",
    "http://2130706433:51004/callback",
    "http://0.0.0.0:51004/callback",
    "http://[::]:51004/callback",
    "http://[0:0:0:0:0:0:0:1]:51004/callback",
    "http://[::ffff:127.0.0.1]:51004/callback",
    "http://[::1%25lo]:51004/callback",
    "http://localhost:51004/callback",
    "http://LOCALHOST:4000/callback",
    "https://127.0.0.1:51004/callback",
    "HTTP://127.0.0.1:51004/callback",
    "http:/127.0.0.1:51004/callback",
    "http:\\\\127.0.0.1:51004/callback",
    "//127.0.0.1:51004/callback",
    " http://127.0.0.1:51004/callback",
    "com.example.app:/callback/",
    "com.example.app://callback",
    "com.example.app:/callback?x=1",
    "com.example.app:callback",
    "COM.EXAMPLE.APP:/callback",
    "com.example.app.evil:/callback",
    "com.example.application:/callback",
    "javascript:alert(1)",
  ];
  for (const trick of tricks) {
    it(`is not followed: ${JSON.stringify(trick)}`, async () => {
      const answer = await exchange(asking(trick).url);
      assert.equal(answer.status, 400);
      assert.equal(answer.headers.location, undefined);
      assert.equal(answer.headers["set-cookie"], undefined);
    });
  }

  it("is not followed for a web app with another port, on loopback or not", async () => {
    const answer = await exchange(asking("http://127.0.0.1:9404/callback", "web").url);
    assert.equal(answer.status, 400);
  });
});
