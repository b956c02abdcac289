import { html } from "./html.ts";
import { page } from "./layout.ts";

/** For whoever goes back to a page of a sign-in that is done. */
export function finishedPage(): string {
  return page({
    title: "You are signed in",
    main: html`<h1>You are signed in</h1>
<p>You have already completed this step, or it is over. Open the app again.</p>
<p><a href="/account">Your account</a></p>`,
  });
}
