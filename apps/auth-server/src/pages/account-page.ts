import { type Content, html, isolated, named } from "./html.ts";
import { alert, page, status } from "./layout.ts";
import { RELATIVE_TIMES_PATH, time, timeText } from "./times.ts";

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
  /** What the person calls it. */
  readonly givenName: string | undefined;
  readonly address: string | undefined;
  /** Seconds. */
  readonly createdAt: number;
  readonly lastSeenAt: number;
}

export interface App {
  readonly clientId: string;
  readonly name: string;
  readonly since: number;
  /** Seconds; undefined: it has no end of its own. */
  readonly until: number | undefined;
  /** False of what was allowed for one time. */
  readonly isRemembered: boolean;
  /** In words. */
  readonly allowed: readonly string[];
  readonly declined: readonly string[];
  /** It asks for nothing, and so has access again at the next sign-in. */
  readonly isFirstParty: boolean;
}

export function accountPage(content: AccountPage): string {
  const { formToken } = content;
  return page({
    title: "Your account",
    wide: true,
    script: RELATIVE_TIMES_PATH,
    main: html`<h1>Your account</h1>
<p>Signed in as ${named(content.name)} (${isolated(content.username)})</p>
${status(content.done)}${alert(content.problem)}
<section aria-labelledby="devices"><h2 id="devices">Devices</h2>
<ul class="rows">${content.devices.map((device, at) => deviceRow(device, { label: labelOf(content.devices, at), formToken }))}</ul>
${
  content.devices.length > 1 &&
  html`<form method="post" action="/account/sign-out-others">
<input type="hidden" name="form" value="${formToken}">
<button type="submit">Sign out other devices</button>
</form>`
}
</section>
<section aria-labelledby="apps"><h2 id="apps">Apps with access</h2>
${content.apps.length === 0 ? html`<p class="note">No app has access to your account.</p>` : html`<ul class="rows">${content.apps.map((app) => appRow(app, formToken))}</ul>`}
</section>
<section aria-labelledby="tokens"><h2 id="tokens">Tokens for scripts</h2>
<p><a href="/account/tokens">See and make tokens</a></p>
</section>
<section aria-labelledby="account"><h2 id="account">Password and account</h2>
<p><a href="/account/password">Change your password</a></p>
<p><a href="/account/delete">Delete your account</a></p>
</section>
<section aria-labelledby="everywhere"><h2 id="everywhere">Everywhere</h2>
<p>Signs you out on every device and of every app, and ends your tokens for scripts, at once. Use it if you lost a device or do not recognize one above.</p>
<form method="post" action="/account/sign-out-everywhere">
<input type="hidden" name="form" value="${formToken}">
<button type="submit" class="danger">Sign out everywhere</button>
</form>
</section>`,
  });
}

function deviceRow(
  device: Device,
  { label, formToken }: { readonly label: string; readonly formToken: string },
): Content {
  const { uid, name, isThis, givenName, address, createdAt, lastSeenAt } = device;
  return html`<li><div>${named(name)}${isThis && html` <span class="tag">this device</span>`}
<p class="note">Signed in ${time(createdAt)}${address !== undefined && html` from <span class="address">${address}</span>`}, last seen ${time(lastSeenAt)}</p></div>
<form method="post" action="/account/sign-out-device">
<input type="hidden" name="form" value="${formToken}"><input type="hidden" name="device" value="${uid}">
<button type="submit" aria-label="Sign out ${label}">Sign out</button>
</form>
<details><summary aria-label="Rename ${label}">Rename</summary>
<form method="post" action="/account/name-device">
<input type="hidden" name="form" value="${formToken}"><input type="hidden" name="device" value="${uid}">
<input type="text" name="name" value="${givenName ?? ""}" maxlength="64" autocomplete="off" aria-label="Name of ${label}" placeholder="${name}">
<button type="submit" aria-label="Save the name of ${label}">Save</button>
</form></details></li>`;
}

/** Two browsers of one kind have one name: who cannot see the row must still know which button is whose. */
function labelOf(devices: readonly Device[], at: number): string {
  const plain = ({ name, isThis, createdAt }: Device) =>
    `${name}${isThis ? ", this device" : ""}, signed in ${timeText(createdAt)}`;
  const label = plain(devices[at]!);
  const alike = devices.slice(0, at).filter((other) => plain(other) === label).length;
  return alike === 0 ? label : `${label}, number ${alike + 1}`;
}

function appRow(app: App, formToken: string): Content {
  const { clientId, name, since, isFirstParty } = app;
  const act = isFirstParty ? "Sign out" : "Remove access";
  return html`<li><div>${named(name)}
<p class="note">${isFirstParty ? "Part of this service. First used" : "First allowed"} ${time(since)}${endOf(app)}</p>${whatItMay(app)}</div>
<form method="post" action="/account/withdraw">
<input type="hidden" name="form" value="${formToken}"><input type="hidden" name="client" value="${clientId}">
<button type="submit" aria-label="${act} of ${name}">${act}</button>
</form></li>`;
}

/** By a calendar and not as how long it is still: it is a day that somebody has chosen. */
function endOf({ until, isRemembered, isFirstParty }: App): Content {
  if (until !== undefined) return html`, until ${timeText(until)}`;
  return !isRemembered && !isFirstParty && ", for this sign-in only";
}

function whatItMay({ allowed, declined }: App): Content {
  if (allowed.length === 0 && declined.length === 0) return undefined;
  return html`
<details><summary>What it may do</summary>
<ul class="scopes">${allowed.map((text) => html`<li>${text}</li>`)}</ul>${
    declined.length > 0 &&
    html`
<p class="note">You did not allow:</p>
<ul class="scopes">${declined.map((text) => html`<li>${text}</li>`)}</ul>`
  }</details>`;
}
