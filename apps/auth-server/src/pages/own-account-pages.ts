/** What a person does to the own account on a page of its own: change the password, delete the account. Both ask for the password. */
import { html, named } from "./html.ts";
import { alert, page } from "./layout.ts";
import { field, type SignInFields } from "./sign-in-page.ts";

export interface OwnAccountPage {
  /** What is wrong with what was typed in. */
  readonly fields?: SignInFields["fields"] | undefined;
  /** Whose it is: for the browser's store of passwords. */
  readonly username: string;
  readonly formToken: string;
  readonly problem?: string | undefined;
}

export const PASSWORD_PATH = "/account/password";
export const DELETE_PATH = "/account/delete";

const back = html`<p class="back"><a href="/account">Back to your account</a></p>`;

export function passwordPage({ username, formToken, fields = {}, problem }: OwnAccountPage): string {
  const { password, newPassword, repeatedPassword } = fields;
  const isNewNext = password === undefined && newPassword !== undefined;
  const isRepeatedNext =
    password === undefined && newPassword === undefined && repeatedPassword !== undefined;
  return page({
    title: "Change your password",
    main: html`<h1>Change your password</h1>
<p>All other devices that are signed in will be signed out. This one stays signed in.</p>
${alert(problem)}
<form method="post" action="${PASSWORD_PATH}" novalidate>
<input type="hidden" name="form" value="${formToken}">
<input type="text" name="username" value="${username}" autocomplete="username" readonly hidden>
${field({ name: "password", label: "Current password", problem: password, type: "password", focus: !isNewNext && !isRepeatedNext })}
${field({ name: "newPassword", label: "New password", problem: newPassword, type: "password", focus: isNewNext })}
${field({ name: "repeatedPassword", label: "New password again", problem: repeatedPassword, type: "password", focus: isRepeatedNext })}
<button type="submit" class="primary">Change password</button>
</form>
${back}`,
  });
}

export function deleteAccountPage({ username, formToken, fields = {}, problem }: OwnAccountPage): string {
  return page({
    title: "Delete your account",
    main: html`<h1>Delete your account?</h1>
<p>The account ${named(username)} is deleted for good. You are signed out on every device, no app has access any more, and your tokens for scripts stop working. Nobody can undo this.</p>
${alert(problem)}
<form method="post" action="${DELETE_PATH}" novalidate>
<input type="hidden" name="form" value="${formToken}">
<input type="text" name="username" value="${username}" autocomplete="username" readonly hidden>
${field({ name: "password", label: "Password", problem: fields.password, type: "password", focus: true })}
<button type="submit" class="danger">Delete my account</button>
</form>
${back}`,
  });
}
