import { html } from "./html.ts";
import { page } from "./layout.ts";

/** For whoever goes back to a page of a sign-in that is done. */
export function finishedPage(): string {
  return page({
    title: "You are signed in",
    main: html`<h1>You are signed in</h1>
<p>This step is done already, so there is nothing more to do here. Go forward in your browser, or open the app again.</p>
<p><a href="/account">Your account</a></p>`,
  });
}
