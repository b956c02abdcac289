/** Names that somebody else has chosen, within the sentences of the pages. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { accountPage } from "../../src/pages/account-page.ts";
import { chooseSessionPage } from "../../src/pages/choose-session-page.ts";
import { consentPage } from "../../src/pages/consent-page.ts";
import { deleteAccountPage } from "../../src/pages/own-account-pages.ts";
import { signInPage } from "../../src/pages/sign-in-page.ts";
import {
  confirmSignOutPage,
  nothingEndedPage,
  notSignedInPage,
  stillSignedInPage,
} from "../../src/pages/sign-out-pages.ts";

/** It runs from right to left: beside it, a sign or a number is moved to its other side. */
const NAME = "\u05d7\u05e0\u05d5\u05ea";
const FORM = { action: "/", formToken: "", request: "", xsrf: "", digest: "" };
const from = { clientName: NAME, redirectTo: "https://app.example" };
const session = { uid: "1", name: NAME, address: null, lastSeenAt: 0 };
const choosing = { ...FORM, username: NAME, sessions: [session], atLeast: 1, clientName: NAME };
const device = { ...session, isThis: true, givenName: NAME, address: undefined, createdAt: 0 };
const app = {
  clientId: "app",
  name: NAME,
  since: 0,
  until: undefined,
  isRemembered: true,
  allowed: [NAME],
  declined: [NAME],
  isFirstParty: false,
};
const item = { description: NAME, choice: { name: "optional", isTicked: true } };
const consent = {
  ...FORM,
  clientName: NAME,
  username: NAME,
  requests: [{ resource: NAME, items: [item] }],
  hasMore: true,
  returnsTo: "https://app.example",
};

const PAGES: Readonly<Record<string, string>> = {
  consent: consentPage(consent),
  "sign in": signInPage({ ...FORM, clientName: NAME }),
  "choose a session": chooseSessionPage(choosing),
  "choose a session of an app": chooseSessionPage({ ...choosing, isOfApp: true }),
  account: accountPage({ name: NAME, username: NAME, formToken: "", devices: [device], apps: [app] }),
  "delete the account": deleteAccountPage({ username: NAME, formToken: "" }),
  "sign out": confirmSignOutPage({ ...FORM, clientName: NAME }),
  "still signed in": stillSignedInPage(NAME),
  "nothing ended": nothingEndedPage({ ...FORM, ...from, form: {} }),
  "not signed in": notSignedInPage(from),
};

/** What stands alone in a block, or in an attribute, turns nothing else. */
const withoutAlone = (markup: string): string =>
  markup
    .replace(/<[^>]*>/g, (tag) => tag.replaceAll(NAME, ""))
    .replaceAll(/<(li|h2)>[^<]*<\/\1>/g, "")
    .replaceAll(/<label><input[^>]*> [^<]*<\/label>/g, "");

describe("a name that runs from right to left", () => {
  for (const [what, markup] of Object.entries(PAGES))
    it(`turns nothing around it on the page: ${what}`, () => {
      assert.ok(markup.includes(NAME));
      const left = withoutAlone(markup).replaceAll(/<bdi>(?:<strong>)?[^<]*(?:<\/strong>)?<\/bdi>/g, "");
      assert.doesNotMatch(left, new RegExp(NAME));
    });
});
