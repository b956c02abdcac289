/**
 * How the answer to a form of ours leads on to an app. Chromium applies a page's `form-action` to all redirects that follow its
 * form, those of the app's own callback included, and nobody can name where these lead. So the forms of our pages lead to
 * this server alone, and a page of ours leads on: what comes after it is no form any more.
 */
import { html } from "./html.ts";
import { page } from "./layout.ts";

export interface WayToApp {
  /** Registered for the app. */
  readonly uri: string;
  readonly isNativeApp: boolean;
}

/**
 * Whether the system hands this address over to an app on the device. It does so for a redirect that follows a click, and not
 * for a page that leads on by itself; and no redirect of the app's comes after it. A loopback address is an ordinary server.
 */
export function opensAppOnDevice({ uri, isNativeApp }: WayToApp): boolean {
  const { protocol } = new URL(uri);
  return protocol !== "http:" && (isNativeApp || protocol !== "https:");
}

/** What `form-action` must name for it: nothing for what a page leads to. */
export function formTargetsOf(way: WayToApp): readonly string[] {
  return opensAppOnDevice(way) ? [shownTargetOf(way.uri)] : [];
}

/** Of an address what a person can judge: its origin, or its scheme when that is an app's own. */
export function shownTargetOf(uri: string): string {
  const { origin, protocol } = new URL(uri);
  return origin === "null" ? protocol : origin;
}

/** Without a script. The link is for browsers that are told not to follow by themselves. */
export function leadOnPage(uri: string): string {
  return page({
    title: "One moment",
    refreshTo: uri,
    main: html`<h1>One moment</h1>
<p>You are being led on to <span class="address">${shownTargetOf(uri)}</span>.</p>
<p><a href="${uri}">Continue</a></p>`,
  });
}
