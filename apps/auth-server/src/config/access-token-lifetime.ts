/**
 * How long access tokens may live. Revocations are kept for as long as the longest of them could, so that no lifetime may be
 * longer than the setting says: it is asked when the configuration is read and when a lifetime is edited, and nothing is
 * issued for longer.
 */

/** Life of an access token for userinfo alone, which has no resource; the least that the setting can be. */
export const USERINFO_TOKEN_TTL_SECONDS = 300;
export const DEFAULT_MAX_LIFETIME_SECONDS = 86_400;
/** Thirty days. */
export const GREATEST_MAX_LIFETIME_SECONDS = 2_592_000;

export interface LifetimeCheck {
  /** Dotted path of what was asked for, as the caller knows it. */
  readonly field: string;
  readonly seconds: number;
  /** `maxAccessTokenLifetimeSeconds` of the configuration. */
  readonly maxSeconds: number;
}

/** Returns what is wrong with a lifetime that is asked for: the field, what was found, and what to do. None if it may be. */
export function checkAccessTokenLifetime({
  field,
  seconds,
  maxSeconds,
}: LifetimeCheck): { readonly field: string; readonly message: string } | undefined {
  if (seconds <= maxSeconds) return undefined;
  const message = `found ${seconds}, and maxAccessTokenLifetimeSeconds is ${maxSeconds}; take at most ${maxSeconds}, or raise that setting, for which revocations are kept longer`;
  return { field, message };
}

/** Returns the lifetime of a token that is issued now. One that was allowed by a higher setting than today's is cut to it. */
export const issuedLifetimeSeconds = (seconds: number, maxSeconds: number): number =>
  Math.min(seconds, maxSeconds);
