import { html } from "./html.ts";
import { page } from "./layout.ts";

export interface ErrorPage {
  readonly title?: string;
  readonly text: string;
  /** Stable code, to tell support. */
  readonly code: string;
  /** For the app's developers. */
  readonly detail?: string | undefined;
}

export function errorPage({ title = "Something went wrong", text, code, detail }: ErrorPage): string {
  return page({
    title,
    main: html`<h1>${title}</h1>
<p>${text}</p>
<p class="note">Code: <code>${code}</code></p>
${detail !== undefined && html`<p class="note">For the developers of the app: ${detail}</p>`}
<p><a href="/account">Your account</a></p>`,
  });
}
