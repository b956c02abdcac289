import { type Content, html, named } from "./html.ts";
import { alert, page, status } from "./layout.ts";

export interface SignInFields {
  readonly username?: string | undefined;
  readonly fields?: Readonly<Partial<Record<FieldName, string>>>;
  /** The password was right and must be changed: of the form that asks for a new one. */
  readonly ticket?: string | undefined;
}

export interface SignInPage extends SignInFields {
  readonly action: string;
  readonly formToken: string;
  /** Absent when somebody signs in to the account page itself. */
  readonly clientName?: string | undefined;
  /** What came of the form before, which led here. */
  readonly done?: string | undefined;
  readonly problem?: string | undefined;
}

export function signInPage(content: SignInPage): string {
  const isChange = content.ticket !== undefined;
  const title = isChange ? "Choose a new password" : "Sign in";
  const lead = isChange
    ? html`<p>Your password has to be changed before you go on. Other devices that are signed in will be signed out.</p>`
    : content.clientName !== undefined && html`<p>Sign in to continue to ${named(content.clientName)}.</p>`;
  return page({
    title,
    main: html`<h1>${title}</h1>
${lead}
${status(content.done)}${alert(content.problem)}
<form method="post" action="${content.action}" novalidate>
<input type="hidden" name="form" value="${content.formToken}">
${signInFields(content)}
<button type="submit" class="primary">${isChange ? "Change password and continue" : "Sign in"}</button>
</form>`,
  });
}

export function signInFields(content: SignInFields): Content {
  if (content.ticket !== undefined) return newPasswordFields(content.ticket, content);
  const { username, fields = {} } = content;
  const isNameNext = username === undefined || username === "" || fields.username !== undefined;
  return html`${field({ name: "username", label: "Username or e-mail", problem: fields.username, type: "text", value: username, focus: isNameNext })}
${field({ name: "password", label: "Password", problem: fields.password, type: "password", focus: !isNameNext })}`;
}

/** With the name for the browser's store of passwords, which would not know whose the new one is. */
function newPasswordFields(ticket: string, { username = "", fields = {} }: SignInFields): Content {
  return html`<input type="hidden" name="ticket" value="${ticket}">
<input type="text" name="username" value="${username}" autocomplete="username" readonly hidden>
${field({ name: "newPassword", label: "New password", problem: fields.newPassword, type: "password", focus: fields.repeatedPassword === undefined })}
${field({ name: "repeatedPassword", label: "New password again", problem: fields.repeatedPassword, type: "password", focus: fields.repeatedPassword !== undefined })}`;
}

type FieldName = "username" | "password" | "newPassword" | "repeatedPassword";

interface Field {
  readonly name: FieldName;
  readonly label: string;
  readonly type: string;
  readonly value?: string | undefined;
  readonly problem: string | undefined;
  readonly focus: boolean;
}

const AUTOCOMPLETE = {
  username: "username",
  password: "current-password",
  newPassword: "new-password",
  repeatedPassword: "new-password",
};

export function field({ name, label, type, value, problem, focus }: Field): Content {
  const invalid = problem !== undefined && html` aria-invalid="true" aria-describedby="${name}-problem"`;
  return html`<div class="field">
<label for="${name}">${label}</label>
<input id="${name}" name="${name}" type="${type}" value="${value ?? ""}" autocomplete="${AUTOCOMPLETE[name]}" autocapitalize="none" spellcheck="false" required${invalid}${focus && html` autofocus`}>
${problem !== undefined && html`<p class="problem" id="${name}-problem">${problem}</p>`}
</div>`;
}
