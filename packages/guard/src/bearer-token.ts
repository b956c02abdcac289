/** The token out of `Authorization: Bearer <token>` (RFC 6750, section 2.1). It comes from nowhere else. */

const PREFIX = "Bearer ";

/**
 * Undefined when there is none, or another scheme. The scheme disregards case (RFC 9110, section 11.1); what
 * follows the one space is the token as it stands: it is not trimmed, so that a second spelling of it fails.
 */
export function bearerTokenOf(authorization: string): string | undefined {
  if (authorization.startsWith(PREFIX) || startsWithPrefixInAnyCase(authorization)) {
    return authorization.slice(PREFIX.length);
  }
  return undefined;
}

function startsWithPrefixInAnyCase(authorization: string): boolean {
  return authorization.slice(0, PREFIX.length).toLowerCase() === "bearer ";
}
