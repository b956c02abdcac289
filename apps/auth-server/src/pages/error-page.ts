import { html } from "./html.ts";
import { page } from "./layout.ts";

export interface ErrorPage {
  readonly title?: string;
  readonly text: string;
  /** Stable code, to tell support. */
  readonly code: string;
}

export function errorPage({ title = "This did not work", text, code }: ErrorPage): string {
  return page({
    title,
    main: html`<h1>${title}</h1>
<p>${text}</p>
<p class="note">Code: <code>${code}</code></p>
<p><a href="/account">Your account</a></p>`,
  });
}
