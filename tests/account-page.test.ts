import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  assertEverywhere,
  type Device,
  type Page,
  type Proof,
  proveRevocation,
  RelyingParty,
  receiptOf,
  type Stack,
  signIn,
  startStack,
} from "@portcullis/testing/end-to-end";

describe("the account page", () => {
  let stack: Stack;
  let party: RelyingParty;

  before(async () => {
    stack = await startStack();
    party = await RelyingParty.discover(stack.info);
  });
  after(() => stack.stop());

  const newDevice = () => signIn(party, stack.info.demo);
  const open = (device: Device) => device.browser.open(`${stack.info.issuer}/account`);

  /** Presses the button of the one form that has these fields. */
  async function press(device: Device, fields: Readonly<Record<string, unknown>>): Promise<Proof> {
    const page = await open(device);
    const form = page.forms.find((candidate) =>
      Object.entries(fields).every(([name, value]) => candidate.fields[name] === value),
    );
    assert.ok(form, `no form with ${JSON.stringify(fields)} on the page:\n${page.body}`);
    return proofOf(await device.browser.submit(page, form));
  }

  it("signs another device out, and this one lives on", async () => {
    const [here, lost] = [await newDevice(), await newDevice()];
    await proveRevocation({
      stack,
      dead: lost.accessToken,
      alive: [here.accessToken],
      reason: "kicked",
      revoke: () => press(here, { device: lost.claims.sid }),
    });
    await assert.rejects(party.refresh(lost.refreshToken!), { error: "invalid_grant" });
    assert.ok(
      (await open(lost)).forms.some((form) => form.hasPassword),
      "the lost device has to sign in",
    );
  });

  it("withdraws an app's consent, and the next sign-in asks for it again", async () => {
    const device = await newDevice();
    await proveRevocation({
      stack,
      dead: device.accessToken,
      reason: "consent_withdrawn",
      revoke: () => press(device, { client: party.clientId }),
    });
    const attempt = await party.begin();
    const consent = await device.browser.open(attempt.url, attempt.isEnd);
    assert.match(consent.body, /Allow <bdi>Orders web app<\/bdi>\?/);
    const again = await signIn(party, stack.info.demo, { browser: device.browser });
    await assertEverywhere(stack, again.accessToken, 200);
    await assertEverywhere(stack, device.accessToken, 401, "consent_withdrawn");
  });

  it("signs out everywhere: every device, every app", async () => {
    const devices = [await newDevice(), await newDevice(), await newDevice()] as const;
    await proveRevocation({
      stack,
      dead: devices[1].accessToken,
      reason: "logged_out",
      revoke: async () => {
        const page = await open(devices[0]);
        const form = page.forms.find(({ action }) => action.endsWith("/sign-out-everywhere"))!;
        return proofOf(await devices[0].browser.submit(page, form));
      },
    });
    for (const { accessToken, refreshToken } of devices) {
      await assertEverywhere(stack, accessToken, 401, "logged_out");
      await assert.rejects(party.refresh(refreshToken!), { error: "invalid_grant" });
    }
  });

  it("does nothing for a form that was sent already", async () => {
    const [here, lost] = [await newDevice(), await newDevice()];
    const page = await open(here);
    const form = page.forms.find(({ fields }) => fields.device === lost.claims.sid)!;
    assert.match((await here.browser.submit(page, form)).body, /is signed out\./);
    assert.match((await here.browser.submit(page, form)).body, /That page was out of date/);
  });

  it("does nothing for a page of another site", async () => {
    const device = await newDevice();
    const page = await open(device);
    const form = page.forms.find(({ action }) => action.endsWith("/sign-out-everywhere"))!;
    const forged = { ...page, url: new URL("http://evil.test/") };
    const action = new URL(form.action, page.url).href;
    assert.equal((await device.browser.submit(forged, { ...form, action })).status, 403);
    await assertEverywhere(stack, device.accessToken, 200);
  });
});

/** The receipt, in the header of the answer to the form: the page that follows has words for its user. */
function proofOf({ trail, body }: Page): Proof {
  const [answer] = trail;
  const receipt = answer && receiptOf(answer);
  assert.ok(receipt, `the answer has no receipt:\n${body}`);
  assert.match(body, /role="status"|<h1>Signed out/);
  assert.doesNotMatch(body, /verifier|receipt| ms/);
  return { answeredAt: answer.answeredAt, receipt };
}
