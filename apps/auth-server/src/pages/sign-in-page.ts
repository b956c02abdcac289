import { type Content, html } from "./html.ts";
import { alert, page } from "./layout.ts";

export interface SignInFields {
  readonly username?: string | undefined;
  readonly fields?: { readonly username?: string | undefined; readonly password?: string | undefined };
}

export interface SignInPage extends SignInFields {
  readonly action: string;
  readonly formToken: string;
  /** Absent when somebody signs in to the account page itself. */
  readonly clientName?: string | undefined;
  readonly problem?: string | undefined;
}

export function signInPage(content: SignInPage): string {
  return page({
    title: "Sign in",
    main: html`<h1>Sign in</h1>
${content.clientName !== undefined && html`<p>Sign in to continue to <strong>${content.clientName}</strong>.</p>`}
${alert(content.problem)}
<form method="post" action="${content.action}" novalidate>
<input type="hidden" name="form" value="${content.formToken}">
${signInFields(content)}
<button type="submit" class="primary">Sign in</button>
</form>`,
  });
}

export function signInFields({ username, fields = {} }: SignInFields): Content {
  const isNameNext = username === undefined || username === "" || fields.username !== undefined;
  return html`${field({ name: "username", label: "Username", problem: fields.username, type: "text", value: username, focus: isNameNext })}
${field({ name: "password", label: "Password", problem: fields.password, type: "password", focus: !isNameNext })}`;
}

interface Field {
  readonly name: "username" | "password";
  readonly label: string;
  readonly type: string;
  readonly value?: string | undefined;
  readonly problem: string | undefined;
  readonly focus: boolean;
}

const AUTOCOMPLETE = { username: "username", password: "current-password" };

function field({ name, label, type, value, problem, focus }: Field): Content {
  const invalid = problem !== undefined && html` aria-invalid="true" aria-describedby="${name}-problem"`;
  return html`<div class="field">
<label for="${name}">${label}</label>
<input id="${name}" name="${name}" type="${type}" value="${value ?? ""}" autocomplete="${AUTOCOMPLETE[name]}" autocapitalize="none" spellcheck="false" required${invalid}${focus && html` autofocus`}>
${problem !== undefined && html`<p class="problem" id="${name}-problem">${problem}</p>`}
</div>`;
}
