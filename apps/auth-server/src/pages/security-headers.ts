/** What a page may do beside what all pages may. */
export interface PageRules {
  /** Where its form leads outside of this server: browsers apply `form-action` to the redirects that follow a form, too. */
  readonly formTargets?: readonly string[];
  readonly scripts?: Scripts;
  /**
   * An app may have opened it in a window of its own, to which the way back leads, too: `same-origin` would cut that window
   * off from the app for good. Whoever opened it can then lead it elsewhere and count its frames, and nothing else.
   */
  readonly mayBePopup?: boolean;
  /** Origins of the pages that it frames. */
  readonly frames?: readonly string[];
}

/** What may run: nothing, or files of our own. Never what stands in the page itself. */
type Scripts = "'none'" | "'self'";

/** Headers of every page, and of every redirect from one to the next. */
export function securityHeaders(rules: PageRules = {}): Record<string, string> {
  const { formTargets = [], scripts = "'none'", mayBePopup = false, frames = [] } = rules;
  const formAction = `form-action ${["'self'", ...new Set(formTargets)].join(" ")}`;
  return {
    "content-security-policy": [...contentSecurityPolicy(scripts), formAction, ...frameSources(frames)].join(
      "; ",
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": mayBePopup ? "unsafe-none" : "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "cache-control": "no-store",
  };
}

/**
 * Of a page whose one form is for an app, and sends itself. Nobody types anything there. It has no `form-action`: where the app leads
 * on to from there, nobody can name.
 */
export const headersOfFormToApp = (): Record<string, string> => ({
  ...securityHeaders({ mayBePopup: true }),
  "content-security-policy": contentSecurityPolicy("'self'").join("; "),
});

const frameSources = (origins: readonly string[]): readonly string[] =>
  origins.length === 0 ? [] : [`frame-src ${[...new Set(origins)].join(" ")}`];

const contentSecurityPolicy = (scripts: Scripts): readonly string[] => [
  "default-src 'none'",
  "style-src 'self'",
  "img-src 'self'",
  // The library's own automatic form adds the hash of its one line here.
  `script-src ${scripts}`,
  "base-uri 'none'",
  "frame-ancestors 'none'",
];
