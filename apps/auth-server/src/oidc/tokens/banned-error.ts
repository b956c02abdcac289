/** How an app is told that its user is banned: it may tell the user why a token is refused, and until when. */
import { errors } from "oidc-provider";
import { endTextOf, isWhole, type StandingBan, timeOf } from "../../bans/standing-bans.ts";
import type { Told } from "./tell-why.ts";

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
