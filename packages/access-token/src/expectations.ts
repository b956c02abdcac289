/** What a verifier expects of any access token, be it a JWT or what an issuer says of an opaque one. */
import { systemClock, wallSecondsOf } from "@portcullis/protocol";
import { audienceList, checkTimes, type TimeClaims } from "./claim-checks.ts";
import { type AccessTokenError, accessTokenError } from "./errors.ts";
import type { AccessTokenVerifierOptions, TimesRefusal } from "./verifier-types.ts";

export const CLOCK_SKEW_SECONDS = 5;

/** Returns the audiences. Throws `invalid_configuration` for none, since a token of any API would do. */
export function audienceSet(audience: string | readonly string[]): ReadonlySet<string> {
  const all = audienceList(audience);
  if (all.length === 0 || all.some((one) => one === "")) {
    throw accessTokenError("invalid_configuration", {
      text: "audience: found none; name the audience whose tokens this service accepts.",
    });
  }
  return new Set(all);
}

type TimesOptions = Pick<AccessTokenVerifierOptions, "clock" | "clockSkewSeconds" | "isRefusedByClock">;

/**
 * Returns the check of a token's times, for each use of it. It throws `expired_token` or `not_yet_valid`, or `refused_by_clock`
 * where only this machine's clock is against the token.
 */
export function timesCheckOf(options: TimesOptions): (claims: TimeClaims) => void {
  const { clock = systemClock, clockSkewSeconds = CLOCK_SKEW_SECONDS } = options;
  return (claims) => {
    const nowSeconds = wallSecondsOf(clock);
    try {
      checkTimes(claims, nowSeconds, clockSkewSeconds);
    } catch (error) {
      const code = (error as AccessTokenError).code as TimesRefusal["code"];
      const isClock = options.isRefusedByClock?.({ code, claims, nowSeconds }) ?? false;
      throw isClock ? accessTokenError("refused_by_clock", { cause: error }) : error;
    }
  };
}
