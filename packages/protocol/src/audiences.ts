/**
 * The audience that an issuer's UserInfo endpoint is in a token (OpenID Connect Core, section 5.3): its URL. It stands beside an
 * API in the tokens of apps that have one access token for both (RFC 9068, section 4).
 */
export const userinfoAudienceOf = (issuer: string): string => `${issuer}/userinfo`;

/**
 * Returns the one resource that a token is for: `aud` itself, or what stands in it beside the issuer's UserInfo endpoint.
 * Undefined for a list of any other shape. Each of two resources could use the token at the other, so that a token for several
 * is good for none.
 */
export function resourceInAudience(aud: string | readonly string[], issuer: string): string | undefined {
  if (typeof aud === "string") return aud;
  const [first, second, ...more] = aud;
  if (second === undefined) return first;
  const userinfo = userinfoAudienceOf(issuer);
  if (more.length > 0 || (first === userinfo) === (second === userinfo)) return undefined;
  return first === userinfo ? second : first;
}
