/**
 * Headers of every page. Browsers apply `form-action` to the redirects that follow a form, too: a page whose form
 * leads on to an app must name the app's origin, or the way back is blocked.
 */
export function securityHeaders(
  formTargets: readonly string[] = [],
  scripts: Scripts = "'none'",
): Record<string, string> {
  return {
    "content-security-policy": contentSecurityPolicy(["'self'", ...new Set(formTargets)], scripts),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "cache-control": "no-store",
  };
}

/** Of a page whose one form is for somebody else, and sends itself: to this target, and not to us. */
export const headersOfFormTo = (target: string): Record<string, string> => ({
  ...securityHeaders(),
  "content-security-policy": contentSecurityPolicy([target], "'self'"),
});

/** What may run: nothing, or files of our own. Never what stands in the page itself. */
type Scripts = "'none'" | "'self'";

function contentSecurityPolicy(formAction: readonly string[], scripts: Scripts): string {
  const directives = [
    "default-src 'none'",
    "style-src 'self'",
    "img-src 'self'",
    // The library's own automatic form adds the hash of its one line here.
    `script-src ${scripts}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
    `form-action ${formAction.join(" ")}`,
  ];
  return directives.join("; ");
}

/** What `form-action` must name for a redirect URI: its origin, or its scheme when that is an app's own. */
export function formTargetOf(redirectUri: string): string {
  const { origin, protocol } = new URL(redirectUri);
  return origin === "null" ? protocol : origin;
}
