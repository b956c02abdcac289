/** Where a person sees, makes and ends personal tokens. A token that was just made is shown here, once. */
import { type Content, html, named } from "./html.ts";
import { alert, page, status } from "./layout.ts";
import { field } from "./sign-in-page.ts";
import { RELATIVE_TIMES_PATH, time, timeText } from "./times.ts";

export const TOKENS_PATH = "/account/tokens";
export const END_TOKEN_PATH = "/account/tokens/end";

/** What was typed in, and what is wrong with it. */
export interface TokenForm {
  readonly name?: string;
  /** As the form has them. */
  readonly chosen?: readonly string[];
  readonly days?: string;
  readonly addresses?: string;
  readonly problem?: string;
  readonly problems?: Readonly<
    Partial<Record<"name" | "permissions" | "days" | "addresses" | "password", string>>
  >;
}

export interface TokensPage extends TokenForm {
  /** Whose it is: for the browser's store of passwords. */
  readonly username: string;
  readonly formToken: string;
  readonly tokens: readonly ShownToken[];
  readonly choices: readonly ShownApi[];
  /** 0: without an end. */
  readonly offeredDays: readonly number[];
  /** The text of one that was just made. */
  readonly made?: { readonly name: string; readonly text: string } | undefined;
  readonly done?: string | undefined;
}

export interface ShownToken {
  readonly id: string;
  readonly name: string;
  /** Of the service that it is for. */
  readonly apiName: string;
  /** In words. */
  readonly permissions: readonly string[];
  readonly allowedAddresses: readonly string[];
  /** Seconds. */
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly lastUsedAt: number | null;
  readonly lastUsedAddress: string | null;
  /** Another was made in its place. */
  readonly isRotated: boolean;
}

export interface ShownApi {
  readonly name: string;
  readonly permissions: readonly { readonly value: string; readonly words: string }[];
}

export function tokensPage(content: TokensPage): string {
  const { formToken, tokens, made, done, problem, choices } = content;
  return page({
    title: "Your tokens",
    wide: true,
    script: RELATIVE_TIMES_PATH,
    main: html`<h1>Your tokens</h1>
<p>With a token a script calls a service in your name. Whoever has it can do what it may do, so keep it as you keep a password.</p>
${status(made === undefined ? done : `${made.name} is made. Copy the token now: it is not shown again.`)}${alert(problem)}
${made !== undefined && madeToken(made.text)}
${tokens.length === 0 ? html`<p class="note">You have no tokens.</p>` : html`<ul class="rows">${tokens.map((token) => tokenRow(token, formToken))}</ul>`}
${choices.length === 0 ? html`<p class="note">There is no service here that takes tokens of yours.</p>` : makeForm(content)}
<p class="back"><a href="/account">Back to your account</a></p>`,
  });
}

const madeToken = (text: string): Content => html`<div class="field">
<label for="token">Your new token</label>
<input id="token" type="text" value="${text}" readonly autocomplete="off" spellcheck="false">
</div>`;

function tokenRow(token: ShownToken, formToken: string): Content {
  const { id, name, apiName, createdAt, expiresAt, isRotated } = token;
  return html`<li><div>${named(name)}${isRotated && html` <span class="tag">replaced</span>`}
<p class="note">For ${named(apiName)}. Made ${time(createdAt)}, ${expiresAt === null ? "without an end" : html`until ${timeText(expiresAt)}`}${lastUse(token)}</p>${whatItMay(token)}</div>
<form method="post" action="${END_TOKEN_PATH}">
<input type="hidden" name="form" value="${formToken}"><input type="hidden" name="token" value="${id}">
<button type="submit" aria-label="End ${name}, made ${timeText(createdAt)}">End</button>
</form></li>`;
}

function lastUse({ lastUsedAt, lastUsedAddress }: ShownToken): Content {
  if (lastUsedAt === null) return ", never used";
  const from = lastUsedAddress !== null && html` from <span class="address">${lastUsedAddress}</span>`;
  return html`, last used ${time(lastUsedAt)}${from}`;
}

const whatItMay = ({ permissions, allowedAddresses }: ShownToken): Content => html`
<details><summary>What it may do</summary>
<ul class="scopes">${permissions.map((text) => html`<li>${text}</li>`)}</ul>${
  allowedAddresses.length > 0 &&
  html`
<p class="note">From these addresses alone: <span class="address">${allowedAddresses.join(", ")}</span></p>`
}</details>`;

function makeForm(content: TokensPage): Content {
  const { formToken, username, choices, name = "", addresses = "", problems = {} } = content;
  return html`<section aria-labelledby="make"><h2 id="make">Make a token</h2>
<form method="post" action="${TOKENS_PATH}" novalidate>
<input type="hidden" name="form" value="${formToken}">
<input type="text" name="username" value="${username}" autocomplete="username" readonly hidden>
<div class="field">
<label for="name">Name</label>
<input id="name" name="name" type="text" value="${name}" maxlength="100" autocomplete="off" required${invalid("name", problems.name)}>
${problemOf("name", problems.name)}
</div>
${problemOf("permissions", problems.permissions)}
${choices.map((api) => apiChoices(api, content))}
${lifeChoices(content)}
${problemOf("days", problems.days)}
<div class="field">
<label for="addresses">Only from these addresses or ranges, with spaces between them (optional)</label>
<input id="addresses" name="addresses" type="text" value="${addresses}" placeholder="203.0.113.7 198.51.100.0/24" autocomplete="off" spellcheck="false"${invalid("addresses", problems.addresses)}>
${problemOf("addresses", problems.addresses)}
</div>
${field({ name: "password", label: "Your password", problem: problems.password, type: "password", focus: problems.password !== undefined })}
<button type="submit" class="primary">Make token</button>
</form>
</section>`;
}

const invalid = (name: string, problem: string | undefined): Content =>
  problem !== undefined && html` aria-invalid="true" aria-describedby="${name}-problem"`;

const problemOf = (name: string, problem: string | undefined): Content =>
  problem !== undefined && html`<p class="problem" id="${name}-problem">${problem}</p>`;

const apiChoices = ({ name, permissions }: ShownApi, { chosen = [] }: TokensPage): Content => html`<fieldset>
<legend>What it may do: ${name}</legend>
${permissions.map(({ value, words }) => html`<label class="choice"><input type="checkbox" name="permission" value="${value}"${chosen.includes(value) && html` checked`}> <span>${words}</span></label>`)}
</fieldset>`;

const lifeChoices = ({ offeredDays, days = String(offeredDays[0]) }: TokensPage): Content => html`<fieldset>
<legend>How long it works</legend>
${offeredDays.map((some) => html`<label class="choice"><input type="radio" name="days" value="${some}"${String(some) === days && html` checked`}> <span>${lifeText(some)}</span></label>`)}
</fieldset>`;

function lifeText(days: number): string {
  if (days === 0) return "Until I end it";
  if (days < 1) return `${Math.floor(days * 24 * 60)} minutes`;
  return days === 1 ? "1 day" : `${Math.floor(days)} days`;
}
