/** Asks whoever is signed in whether to go on as that, or as somebody else (OpenID Connect Core 1.0, section 3.1.2.1). */
import { html, isolated, named } from "./html.ts";
import { page } from "./layout.ts";

export interface SelectAccountPage {
  readonly action: string;
  readonly formToken: string;
  readonly clientName: string;
  readonly username: string;
}

export function selectAccountPage({ action, formToken, clientName, username }: SelectAccountPage): string {
  const title = "Choose an account";
  return page({
    title,
    main: html`<h1>${title}</h1>
<p>You are signed in as ${named(username)}. ${named(clientName)} asks which account to use. If you take another one, you are signed out of this one in this browser.</p>
<form method="post" action="${action}">
<input type="hidden" name="form" value="${formToken}">
<div class="actions stacked">
<button type="submit" name="decision" value="continue" class="primary">Continue as ${isolated(username)}</button>
<button type="submit" name="decision" value="another">Use another account</button>
<button type="submit" name="decision" value="cancel">Cancel</button>
</div>
</form>`,
  });
}
