import type { Receipt } from "@portcullis/protocol";
import { html } from "./html.ts";
import { page, status } from "./layout.ts";
import { receiptText } from "./receipt-text.ts";

export interface ConfirmSignOutPage {
  readonly action: string;
  readonly xsrf: string;
  readonly clientName?: string | undefined;
}

export function confirmSignOutPage({ action, xsrf, clientName }: ConfirmSignOutPage): string {
  return page({
    title: "Sign out",
    main: html`<h1>Sign out?</h1>
<p>${clientName !== undefined && html`<strong>${clientName}</strong> asks to sign you out. `}This ends your session in this browser, and every app that uses it is signed out at once.</p>
<form method="post" action="${action}">
<input type="hidden" name="xsrf" value="${xsrf}">
<div class="actions stacked">
<button type="submit" name="logout" value="yes" class="primary">Sign out</button>
<button type="submit">${clientName === undefined ? "Stay signed in" : `Only leave ${clientName}`}</button>
</div>
</form>`,
  });
}

export function signedOutPage(receipt: Receipt | undefined): string {
  return page({
    title: "Signed out",
    main: html`<h1>Signed out</h1>
<p>Your session has ended, and all access that apps had through it.</p>
${status(receipt && html`Signed out; ${receiptText(receipt)}.`)}
<p><a href="/account">Sign in again</a></p>`,
  });
}

/** The app is named only if it has no access. */
export function stillSignedInPage(clientName: string | undefined): string {
  const title = clientName === undefined ? "You are signed in" : "Signed out of one app";
  return page({
    title,
    main: html`<h1>${title}</h1>
<p>${clientName !== undefined && html`<strong>${clientName}</strong> can no longer act for you. `}Your session here goes on.</p>
<p><a href="/account">Your account</a></p>`,
  });
}
