import { html } from "./html.ts";
import { page } from "./layout.ts";

export interface ConsentPage {
  readonly action: string;
  readonly formToken: string;
  readonly clientName: string;
  readonly username: string;
  /** What the app asks for, API by API. */
  readonly requests: readonly {
    readonly resource: string | undefined;
    readonly descriptions: readonly string[];
  }[];
  /** Where the answer goes: shown, since an app's name can be chosen to look like another's. */
  readonly returnsTo: string;
}

export function consentPage(content: ConsentPage): string {
  return page({
    title: "Allow access",
    main: html`<h1>Allow ${content.clientName}?</h1>
<p><strong>${content.clientName}</strong> would like to act on your behalf, <strong>${content.username}</strong>. It asks to:</p>
${content.requests.map(
  ({ resource, descriptions }) => html`${resource !== undefined && html`<h2>${resource}</h2>`}
<ul class="scopes">${descriptions.map((text) => html`<li>${text}</li>`)}</ul>`,
)}
<p class="note">Your answer is sent to <span class="address">${content.returnsTo}</span>. You can remove this access at any time on your account page; it then ends at once.</p>
<form method="post" action="${content.action}">
<input type="hidden" name="form" value="${content.formToken}">
<div class="actions">
<button type="submit" name="decision" value="allow" class="primary">Allow</button>
<button type="submit" name="decision" value="deny">Deny</button>
</div>
</form>`,
  });
}
