import { type Content, html, isolated, named } from "./html.ts";
import { page } from "./layout.ts";

export interface ConsentPage {
  readonly action: string;
  readonly formToken: string;
  /** Comes back with the answer. */
  readonly digest: string;
  readonly clientName: string;
  readonly username: string;
  /** What the app asks for, API by API. */
  readonly requests: readonly ConsentRequest[];
  /** Whether something was allowed before that is not asked for now, and that the time counts for as well. */
  readonly hasMore: boolean;
  /** Where the answer goes: shown, since an app's name can be chosen to look like another's. */
  readonly returnsTo: string;
}

export interface ConsentRequest {
  readonly resource: string | undefined;
  readonly items: readonly ConsentItem[];
}

export interface ConsentItem {
  readonly description: string;
  /** Of what the app can do without. */
  readonly choice: { readonly name: string; readonly isTicked: boolean } | undefined;
}

export function consentPage(content: ConsentPage): string {
  const { clientName } = content;
  const isAnyOptional = content.requests.some(({ items }) =>
    items.some(({ choice }) => choice !== undefined),
  );
  return page({
    title: "Allow access",
    main: html`<h1>Allow ${isolated(clientName)}?</h1>
<p>${named(clientName)} would like to act on your behalf, ${named(content.username)}. It asks to:</p>
<form method="post" action="${content.action}">
<input type="hidden" name="form" value="${content.formToken}">
<input type="hidden" name="shown" value="${content.digest}">
${content.requests.map(group)}
${isAnyOptional && html`<p class="note">Untick what you do not want to allow. ${isolated(clientName)} gets the rest.</p>`}
<fieldset><legend>For how long?</legend>
${LENGTHS.map(length)}
${content.hasMore && html`<p class="note">This counts for all that ${isolated(clientName)} may do, also for what you allowed before.</p>`}
</fieldset>
<p class="note">Your answer is sent to <span class="address">${content.returnsTo}</span>. You can remove this access at any time on your account page; it then ends at once.</p>
<div class="actions">
<button type="submit" name="decision" value="allow" class="primary">Allow</button>
<button type="submit" name="decision" value="deny">Deny</button>
</div>
</form>`,
  });
}

const group = ({
  resource,
  items,
}: ConsentRequest): Content => html`${resource !== undefined && html`<h2>${resource}</h2>`}
<ul class="scopes">${items.map(item)}</ul>`;

const item = ({ description, choice }: ConsentItem): Content =>
  choice === undefined
    ? html`<li>${description}</li>`
    : html`<li class="choice"><label><input type="checkbox" name="${choice.name}" value="yes"${choice.isTicked && html` checked`}> ${description}</label></li>`;

const LENGTHS = [
  { value: "always", text: "Until I remove it" },
  { value: "month", text: "30 days" },
  { value: "hour", text: "One hour" },
  { value: "once", text: "This time only" },
] as const;

const length = ({ value, text }: (typeof LENGTHS)[number]): Content =>
  html`<label class="choice"><input type="radio" name="length" value="${value}"${value === "always" && html` checked`}> ${text}</label>`;
