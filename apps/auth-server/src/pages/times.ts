/** Times on pages: in UTC, and by the page's script as the reader counts them. */
import { type Content, html } from "./html.ts";

/** It shows the times as the reader counts them. */
export const RELATIVE_TIMES_PATH = "/assets/relative-times.js";

export function time(seconds: number): Content {
  return html`<time datetime="${new Date(seconds * 1000).toISOString()}">${timeText(seconds)}</time>`;
}

/** The server does not know the user's time zone: it says which one it means. The page's script does (relative-times.js). */
export function timeText(seconds: number): string {
  const iso = new Date(seconds * 1000).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}
