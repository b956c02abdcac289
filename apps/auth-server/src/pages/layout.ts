import { type Content, type Html, html } from "./html.ts";

export const STYLESHEET_PATH = "/assets/portcullis.css";

export interface PageContent {
  readonly title: string;
  readonly main: Content;
  readonly wide?: boolean;
  /** Path of one that is added to that of all pages. */
  readonly stylesheet?: string;
  /** Where the browser goes on to as soon as all of the page has loaded. */
  readonly refreshTo?: string;
  /** Path of one, where the headers let it run. The page says all that it has to say without it. */
  readonly script?: string;
}

export function page({ title, main, wide = false, stylesheet, refreshTo, script }: PageContent): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">${
    refreshTo !== undefined &&
    html`
<meta http-equiv="refresh" content="0; url=${refreshTo}">`
  }
<title>${title} · Portcullis</title>
<link rel="icon" href="/assets/portcullis.svg" type="image/svg+xml">
<link rel="stylesheet" href="${STYLESHEET_PATH}">${
    stylesheet !== undefined &&
    html`
<link rel="stylesheet" href="${stylesheet}">`
  }${
    script !== undefined &&
    html`
<script src="${script}" type="module"></script>`
  }
</head>
<body>
<main class="${wide ? "card wide" : "card"}">
${brand}
${main}
</main>
</body>
</html>`.text;
}

const brand: Html = html`<p class="brand"><svg class="mark" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false"><path d="M4 21V10a8 8 0 0 1 16 0v11M8 21V6M12 21V3M16 21V6M4 12h16M4 17h16"/></svg> Portcullis</p>`;

/** A message that a screen reader says at once. */
export function alert(text: string | undefined): Content {
  return text === undefined ? undefined : html`<p class="alert" role="alert">${text}</p>`;
}

export function status(text: Content): Content {
  return text === undefined ? undefined : html`<p class="status" role="status">${text}</p>`;
}
