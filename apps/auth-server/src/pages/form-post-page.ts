/** An answer to an app that goes by a form, and not in the app's URL (OAuth 2.0 Form Post Response Mode 1.0). */
import { html } from "./html.ts";
import { page } from "./layout.ts";

export interface FormPost {
  /** The app's redirect URI. */
  readonly action: string;
  readonly fields: Readonly<Record<string, string>>;
}

export function formPostPage({ action, fields }: FormPost): string {
  const inputs = Object.entries(fields).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">
`,
  );
  return page({
    title: "Back to the app",
    script: "/assets/send-form.js",
    main: html`<h1>Back to the app</h1>
<p>You are on your way back to the app. If nothing happens, press the button.</p>
<form method="post" action="${action}">
${inputs}<button type="submit">Continue</button>
</form>`,
  });
}
