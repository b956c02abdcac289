import { type Content, html, isolated, named } from "./html.ts";
import { alert, page, status } from "./layout.ts";
import { type SignInFields, signInFields } from "./sign-in-page.ts";

export interface ConfirmSignOutPage {
  readonly action: string;
  readonly request: string;
  readonly xsrf: string;
  readonly clientName?: string | undefined;
  /** The app is signed in with another sign-in than this browser's, and that one ends too. */
  readonly endsAnother?: boolean;
}

export function confirmSignOutPage(content: ConfirmSignOutPage): string {
  const { action, request, xsrf, clientName, endsAnother } = content;
  return page({
    title: "Sign out",
    main: html`<h1>Sign out?</h1>
<p>${clientName !== undefined && html`${named(clientName)} would like to sign you out. `}This signs you out of this browser and of every app that uses this sign-in, at once.</p>
${endsAnother === true && html`<p>The app is using another sign-in of yours, on another device or from before. That one ends too.</p>`}
<form method="post" action="${action}">
<input type="hidden" name="request" value="${request}">
<input type="hidden" name="xsrf" value="${xsrf}">
<div class="actions stacked">
<button type="submit" name="logout" value="yes" class="primary">Sign out</button>
<button type="submit">${clientName === undefined ? "Stay signed in" : html`Only sign out of ${isolated(clientName)}`}</button>
</div>
</form>`,
  });
}

export interface SignedOutPage {
  /** What has just ended. Absent when nothing is known to have: anybody can be led here by a link. */
  readonly ended?: "session" | "everywhere" | "account" | undefined;
  /** Until when something may still get through. */
  readonly delay?: string | undefined;
}

const ENDED = {
  session: "You are signed out of this browser, and of every app that used this sign-in.",
  everywhere: "You are signed out on all your devices and of all apps.",
  account: "Your account is deleted. You are signed out on all your devices and of all apps.",
};

function titleOf(ended: SignedOutPage["ended"]): string {
  if (ended === undefined) return "You are signed out";
  return ended === "account" ? "Account deleted" : "Signed out";
}

export function signedOutPage({ ended, delay }: SignedOutPage): string {
  const title = titleOf(ended);
  return page({
    title,
    main: html`<h1>${title}</h1>
<p>${ended === undefined ? "Nobody is signed in to this browser." : ENDED[ended]}</p>
${status(delay)}
<p><a href="/account">Sign in</a></p>`,
  });
}

/** The app is named only if it has no access. */
export function stillSignedInPage(clientName: string | undefined): string {
  const title = clientName === undefined ? "You are signed in" : "Signed out of one app";
  return page({
    title,
    main: html`<h1>${title}</h1>
<p>${clientName !== undefined && html`${named(clientName)} can no longer act on your behalf. `}You are still signed in to this browser.</p>
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
    title: "You were not signed out",
    main: html`<h1>You were not signed out</h1>
<p>${name} asked to sign you out, but this browser is not signed in to that account. That sign-in is still active, and so are the apps that use it.</p>
${alert(form.problem)}
${
  sealed === undefined
    ? html`<p><a href="/account">Sign in to your account</a> to end it there.</p>`
    : html`<form method="post" action="${action}" novalidate>
<input type="hidden" name="request" value="${sealed.request}">
<input type="hidden" name="xsrf" value="${sealed.xsrf}">
<p>To end it, enter the username and password of that account.</p>
${signInFields(form)}
<button type="submit" class="primary">Confirm and sign out</button>
</form>`
}
${wayBack(content, "without signing out")}`,
  });
}

export function notSignedInPage(content: CameFrom): string {
  return page({
    title: "You are not signed in here",
    main: html`<h1>You are not signed in here</h1>
<p>Nobody is signed in to this browser, so there was nothing to sign out of. To sign out on other devices, go to <a href="/account">your account</a>.</p>
${wayBack(content)}`,
  });
}

const appName = ({ clientName }: CameFrom): Content => named(clientName ?? "The app");

function wayBack(content: CameFrom, how = ""): Content {
  const { redirectTo } = content;
  return (
    redirectTo !== undefined &&
    html`<p><a href="${redirectTo}">Go back to ${appName(content)}${how !== "" && ` ${how}`}</a></p>`
  );
}

export interface TellingAppsPage {
  /** Pages of the apps, which sign out there (OpenID Connect Front-Channel Logout 1.0). */
  readonly frames: readonly string[];
  /** How many apps have such a page and are not told, since there are too many. Who reads it goes on by hand. */
  readonly untold: number;
  readonly leadTo: string;
}

/**
 * The frames may keep cookies of their own site and run scripts, and may not lead this page elsewhere. Hidden ones are loaded all the
 * same. Unless there is something to read, the browser goes on when the last has loaded; a script of ours sees to it that none is waited for too long.
 */
export function tellingAppsPage({ frames, untold, leadTo }: TellingAppsPage): string {
  return page({
    title: "Signing out",
    ...(untold > 0 ? {} : { refreshTo: leadTo, script: "/assets/lead-on-in-time.js" }),
    main: html`<h1>${untold > 0 ? "Signed out" : "Signing out"}</h1>
<p>You are signed out here. The apps that you used in this browser are being told.</p>
${untold > 0 && html`<p>${untold === 1 ? "One app is" : `${untold} apps are`} not told, because you used so many. They can do nothing on your behalf any more, but may still show what they showed. Close this browser if others use it, too.</p>`}
<p><a href="${leadTo}">Continue</a></p>
${frames.map(
  (address) =>
    html`<iframe hidden src="${address}" title="An app signs out" sandbox="allow-forms allow-same-origin allow-scripts" referrerpolicy="no-referrer"></iframe>
`,
)}`,
  });
}
