/** How long tokens live: the API's, the app's and the session's lifetimes, of which the shortest counts. */
import { type Clock, wallSecondsOf } from "@portcullis/protocol";
import { type Client, errors, type KoaContextWithOIDC } from "oidc-provider";
import { type AppLifetimes, LIFETIMES } from "../../apps/app-settings.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";

const lifetimesOf = (client: Client | undefined): AppLifetimes => (client?.[LIFETIMES] ?? {}) as AppLifetimes;

/** Seconds. `ofApi` is the API's, or that of tokens for userinfo alone. */
export const accessTokenLifetime = (client: Client | undefined, ofApi: number): number =>
  Math.min(ofApi, lifetimesOf(client).accessToken ?? ofApi);

/**
 * Shortens the life of an access token so that it is over with the consent. Throws `invalid_grant` when that is over: the grant may
 * have been found a moment before.
 */
export function withinConsent(
  seconds: number,
  { until, clock }: { readonly until: number | undefined; readonly clock: Clock },
): number {
  if (until === undefined) return seconds;
  const left = until - wholeSeconds(clock);
  if (left <= 0) refuse("the time is over that its user has allowed it");
  return Math.min(seconds, left);
}

/** What the library's declarations leave out. */
export interface RefreshTokenTimes {
  /** When refreshing began; undefined of the first token. Seconds. */
  readonly iiat?: number | undefined;
  /** Seconds. */
  readonly iat?: number | undefined;
}

export interface RefreshTokenLifetimeOptions {
  readonly ctx: KoaContextWithOIDC | undefined;
  readonly token: RefreshTokenTimes;
  readonly client: Client | undefined;
  /** That of a session: seconds. */
  readonly longest: number;
  readonly clock: Clock;
}

/**
 * Of a refresh token that is about to be stored. The lifetimes of today count for one that was issued under longer ones:
 * throws `invalid_grant` when it may be refreshed no more.
 */
export function refreshTokenLifetime(options: RefreshTokenLifetimeOptions): number {
  const { ctx, token, client, longest, clock } = options;
  const { refreshTokenIdle: idle = longest, refreshTokenAbsolute: absolute } = lifetimesOf(client);
  const now = Math.floor(wallSecondsOf(clock));
  const before = ctx?.oidc.entities.RotatedRefreshToken as RefreshTokenTimes | undefined;
  if (before?.iat !== undefined && now - before.iat > idle)
    refuse("it was idle for longer than its app may be");
  const left = absolute === undefined ? longest : absolute - (now - (token.iiat ?? now));
  if (left <= 0) refuse("its app may not refresh for so long after a sign-in");
  return Math.min(longest, idle, left);
}

function refuse(detail: string): never {
  throw new errors.InvalidGrant({ detail });
}
