import { type Content, html } from "./html.ts";
import { alert, page, status } from "./layout.ts";

export interface AccountPage {
  readonly name: string;
  readonly username: string;
  readonly formToken: string;
  readonly devices: readonly Device[];
  readonly apps: readonly App[];
  readonly done?: string | undefined;
  readonly problem?: string | undefined;
}

export interface Device {
  readonly uid: string;
  readonly name: string;
  readonly isThis: boolean;
  /** Seconds. */
  readonly createdAt: number;
  readonly lastSeenAt: number;
}

export interface App {
  readonly clientId: string;
  readonly name: string;
  readonly since: number;
}

export function accountPage(content: AccountPage): string {
  const { formToken } = content;
  return page({
    title: "Your account",
    wide: true,
    main: html`<h1>Your account</h1>
<p>Signed in as <strong>${content.name}</strong> (${content.username})</p>
${status(content.done)}${alert(content.problem)}
<section aria-labelledby="devices"><h2 id="devices">Devices</h2>
<ul class="rows">${content.devices.map((device) => deviceRow(device, formToken))}</ul>
</section>
<section aria-labelledby="apps"><h2 id="apps">Apps with access</h2>
${content.apps.length === 0 ? html`<p class="note">No app may act for you.</p>` : html`<ul class="rows">${content.apps.map((app) => appRow(app, formToken))}</ul>`}
</section>
<section aria-labelledby="everywhere"><h2 id="everywhere">Everywhere</h2>
<p>Ends all your sessions and everything that apps may do for you, on every device, at once.</p>
<form method="post" action="/account/sign-out-everywhere">
<input type="hidden" name="form" value="${formToken}">
<button type="submit" class="danger">Sign out everywhere</button>
</form>
</section>`,
  });
}

function deviceRow({ uid, name, isThis, createdAt, lastSeenAt }: Device, formToken: string): Content {
  return html`<li><div><strong>${name}</strong>${isThis && html` <span class="tag">this device</span>`}
<p class="note">Signed in ${time(createdAt)}, last seen ${time(lastSeenAt)}</p></div>
<form method="post" action="/account/sign-out-device">
<input type="hidden" name="form" value="${formToken}"><input type="hidden" name="device" value="${uid}">
<button type="submit" aria-label="Sign out ${name}${isThis ? ", this device" : ""}">Sign out</button>
</form></li>`;
}

function appRow({ clientId, name, since }: App, formToken: string): Content {
  return html`<li><div><strong>${name}</strong>
<p class="note">Since ${time(since)}</p></div>
<form method="post" action="/account/withdraw">
<input type="hidden" name="form" value="${formToken}"><input type="hidden" name="client" value="${clientId}">
<button type="submit" aria-label="Withdraw access of ${name}">Withdraw</button>
</form></li>`;
}

/** The server does not know the user's time zone: it says which one it means. */
function time(seconds: number): Content {
  const iso = new Date(seconds * 1000).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC</time>`;
}
