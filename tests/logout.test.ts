import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  assertEverywhere,
  type Device,
  launchChromium,
  PlainBrowser,
  type Proof,
  passPages,
  proofIn,
  proveRevocation,
  RelyingParty,
  receiptOf,
  type Stack,
  signIn,
  signInThroughPages,
  startStack,
} from "@portcullis/testing/end-to-end";
import type { Browser, Page, Response } from "playwright-core";

describe("logout", () => {
  let stack: Stack;
  let chromium: Browser;
  let party: RelyingParty;

  before(async () => {
    [stack, chromium] = await Promise.all([startStack(), launchChromium()]);
    party = await RelyingParty.discover(stack.info);
  });
  after(() => Promise.all([stack.stop(), chromium.close()]));

  it("ends the access token everywhere, in a real browser, before its receipt arrives", async () => {
    const attempt = await party.begin();
    const context = await chromium.newContext();
    const { page, callback } = await signInThroughPages(context, attempt, stack.info.demo);
    const tokens = await attempt.finish(callback);

    await proveRevocation({
      stack,
      dead: tokens.accessToken,
      reason: "logged_out",
      revoke: () => logOutThroughPages(page, party.endSessionUrl(tokens.idToken).href),
    });
    await context.close();
  });

  it("ends the access token everywhere for a browser without JavaScript", async () => {
    const device = await signIn(party, stack.info.demo);
    await proveRevocation({
      stack,
      dead: device.accessToken,
      reason: "logged_out",
      revoke: () => logOutWithoutScript(device, party),
    });
  });

  it("leaves the same user's other device signed in", async () => {
    const [phone, laptop] = [await signIn(party, stack.info.demo), await signIn(party, stack.info.demo)];
    await proveRevocation({
      stack,
      dead: phone.accessToken,
      alive: [laptop.accessToken],
      reason: "logged_out",
      revoke: () => logOutWithoutScript(phone, party),
    });
    await assert.doesNotReject(party.refresh(laptop.refreshToken!));
  });

  it("ends the refresh token too", async () => {
    const device = await signIn(party, stack.info.demo);
    await logOutWithoutScript(device, party);
    await assert.rejects(party.refresh(device.refreshToken!), { error: "invalid_grant" });
  });

  it("makes the next sign-in ask for the password again, and the new token works", async () => {
    const device = await signIn(party, stack.info.demo);
    await logOutWithoutScript(device, party);

    const attempt = await party.begin();
    const first = await device.browser.open(attempt.url, attempt.isEnd);
    assert.ok(
      first.forms.some((form) => form.hasPassword),
      "the login page is shown",
    );

    const again = await party.begin();
    const callback = await passPages(device.browser, again, stack.info.demo);
    const tokens = await again.finish(callback);
    await assertEverywhere(stack, tokens.accessToken, 200);
    await assertEverywhere(stack, device.accessToken, 401, "logged_out");
  });

  it("does nothing when another site's page posts the confirmation", async () => {
    const device = await signIn(party, stack.info.demo);
    const forged = await new PlainBrowser().open(party.endSessionUrl(device.idToken));
    const form = forged.forms[0]!;
    await device.browser.submit(
      { ...forged, url: new URL("http://evil.test/") },
      {
        ...form,
        action: new URL(form.action, forged.url).href,
      },
    );
    await assertEverywhere(stack, device.accessToken, 200);
  });
});

async function logOutThroughPages(page: Page, endSessionUrl: string): Promise<Proof> {
  await page.goto(endSessionUrl);
  const withReceipt = page.waitForResponse((response) => "portcullis-receipt" in response.headers());
  await page
    .getByRole("button", { name: /sign out|log ?out|yes/i })
    .first()
    .click();
  const response = await withReceipt;
  return { answeredAt: performance.now(), receipt: receiptIn(response) };
}

const receiptIn = (response: Response) =>
  receiptOf({ status: response.status(), headers: response.headers(), body: "", sentAt: 0, answeredAt: 0 })!;

async function logOutWithoutScript(device: Device, party: RelyingParty): Promise<Proof> {
  const page = await device.browser.open(party.endSessionUrl(device.idToken));
  const form = page.forms[0];
  if (form === undefined) throw new Error(`no form on the logout page (${page.status}):\n${page.body}`);
  const signedOut = await device.browser.submit(page, form);
  return proofIn(signedOut.trail);
}
