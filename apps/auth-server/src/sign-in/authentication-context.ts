/** How strongly somebody signed in: `acr` (OpenID Connect Core 1.0, section 2). */

/** One factor was passed: every sign-in here, until there is a second. */
export const ONE_FACTOR = "urn:portcullis:acr:1";
