import { deepFreeze } from "@portcullis/protocol";
import { audienceList, scopesOf } from "./claim-checks.ts";
import type { AccessToken, AccessTokenClaims } from "./claims.ts";

/** Returns what handlers are given of claims that were checked; the claims are frozen, and theirs from then on. */
export function accessTokenOf(claims: AccessTokenClaims): AccessToken {
  deepFreeze(claims);
  return {
    claims,
    scopes: scopesOf(claims.scope),
    audience: Object.freeze(audienceList(claims.aud)),
    issuer: claims.iss,
  };
}
