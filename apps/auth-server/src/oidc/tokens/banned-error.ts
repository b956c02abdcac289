/** How an app is told that its user is banned: it may tell the user why a token is refused, and until when. */
import { errors, type KoaContextWithOIDC } from "oidc-provider";
import { endTextOf, isWhole, type StandingBan, timeOf } from "../../bans/standing-bans.ts";

/** Members beside the standard ones (RFC 6749, section 5.2), whose texts are ASCII and in English. */
interface Told {
  readonly reason: "banned";
  /** What the user is told, as the operator wrote it. */
  readonly message?: string;
  /** ISO 8601. Absent: until it is lifted. */
  readonly until?: string;
}

/**
 * A ban from everything ends the grant, `invalid_grant`. One from an API leaves it good for other APIs, so that clients must not
 * throw the refresh token away: `access_denied`.
 */
export class BannedError extends errors.CustomOIDCProviderError {
  readonly told: Told;

  constructor(ban: StandingBan) {
    const code = isWhole(ban) ? "invalid_grant" : "access_denied";
    const what = isWhole(ban) ? "The user is banned" : "The user is banned from this API";
    super(code, `${what}${endTextOf(ban)}.`, { detail: "banned" });
    this.told = toldOf(ban);
  }
}

const toldOf = ({ message, until }: StandingBan): Told => ({
  reason: "banned",
  ...(message === undefined ? {} : { message }),
  ...(until === undefined ? {} : { until: timeOf(until) }),
});

/** After the library has made its own answer, which has room for the standard members alone. */
export function tellOfBan(ctx: KoaContextWithOIDC, error: Error): void {
  if (error instanceof BannedError && ctx.response.is("json"))
    ctx.body = { ...(ctx.body as object), ...error.told };
}
