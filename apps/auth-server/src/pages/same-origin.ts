import type { IncomingHttpHeaders } from "node:http";

/**
 * Whether a form was sent from a page of ours, as far as the browser tells. `Origin` is `null` even then, because our
 * pages send no referrer; `Sec-Fetch-Site` decides where there is one. Without either it is no browser, and
 * the form token alone decides.
 */
export function isSameOrigin(headers: IncomingHttpHeaders, issuer: string): boolean {
  const site = headers["sec-fetch-site"];
  if (site !== undefined) return site === "same-origin";
  return headers.origin === undefined || headers.origin === new URL(issuer).origin;
}
