import type { Receipt } from "@portcullis/protocol";
import { type Content, html } from "./html.ts";
import { alert, page, status } from "./layout.ts";
import { receiptText } from "./receipt-text.ts";
import { type SignInFields, signInFields } from "./sign-in-page.ts";

export interface ConfirmSignOutPage {
  readonly action: string;
  readonly request: string;
  readonly xsrf: string;
  readonly clientName?: string | undefined;
}

export function confirmSignOutPage({ action, request, xsrf, clientName }: ConfirmSignOutPage): string {
  return page({
    title: "Sign out",
    main: html`<h1>Sign out?</h1>
<p>${clientName !== undefined && html`<strong>${clientName}</strong> asks to sign you out. `}This ends your session in this browser, and every app that uses it is signed out at once.</p>
<form method="post" action="${action}">
<input type="hidden" name="request" value="${request}">
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

interface CameFrom {
  readonly clientName?: string | undefined;
  /** Of the app, where it is registered. */
  readonly redirectTo?: string | undefined;
}

export interface NothingEndedPage extends CameFrom {
  readonly action: string;
  /** Absent when the app did not say which session it means. */
  readonly sealed?: { readonly request: string; readonly xsrf: string } | undefined;
  readonly form: SignInFields & { readonly problem?: string | undefined };
}

/** The session that the app means lives on, and this browser cannot end it by itself. */
export function nothingEndedPage(content: NothingEndedPage): string {
  const { action, sealed, form } = content;
  const name = appName(content);
  return page({
    title: "Nothing was ended",
    main: html`<h1>Nothing was ended</h1>
<p>${name} asked to sign you out, but this browser is not signed in with that account. The session that ${name} uses goes on, and so does all access through it.</p>
${alert(form.problem)}
${
  sealed === undefined
    ? html`<p><a href="/account">Sign in to your account</a> to end it there.</p>`
    : html`<form method="post" action="${action}" novalidate>
<input type="hidden" name="request" value="${sealed.request}">
<input type="hidden" name="xsrf" value="${sealed.xsrf}">
${signInFields(form)}
<button type="submit" class="primary">Sign in and end it</button>
</form>`
}
${wayBack(content, "without ending it")}`,
  });
}

export function notSignedInPage(content: CameFrom): string {
  return page({
    title: "You are not signed in here",
    main: html`<h1>You are not signed in here</h1>
<p>There is no session in this browser, so nothing was ended. Sessions on other devices are in <a href="/account">your account</a>.</p>
${wayBack(content)}`,
  });
}

const appName = ({ clientName }: CameFrom): Content => html`<strong>${clientName ?? "The app"}</strong>`;

function wayBack(content: CameFrom, how = ""): Content {
  const { redirectTo } = content;
  return (
    redirectTo !== undefined && html`<p><a href="${redirectTo}">Go back to ${appName(content)} ${how}</a></p>`
  );
}
