/** What the payload of a JWT access token must say (RFC 9068, section 4), once its signature has verified. */

import { type JsonObject, resourceInAudience } from "@portcullis/protocol";
import {
  type ClaimShapes,
  checkOptionalClaims,
  isAudience,
  isObject,
  isSeconds,
  isSeq,
  isText,
  requireClaims,
  type TimeClaims,
} from "./claim-checks.ts";
import type { AccessTokenClaims } from "./claims.ts";
import { accessTokenError } from "./errors.ts";

interface ClaimExpectations {
  readonly issuer: string;
  readonly audience: ReadonlySet<string>;
  /** Throws unless now is within them. */
  readonly checkTimes: (claims: TimeClaims) => void;
}

type Check = (claims: AccessTokenClaims, expected: ClaimExpectations) => void;

/** RFC 9068, section 2.2. */
const REQUIRED: ClaimShapes = {
  iss: isText,
  exp: isSeconds,
  aud: isAudience,
  sub: isText,
  client_id: isText,
  iat: isSeconds,
  jti: isText,
};

const OPTIONAL: ClaimShapes = {
  nbf: isSeconds,
  rv: isSeq,
  sid: isText,
  gid: isText,
  org: isText,
  cnf: (value) => isObject(value) && (value.jkt === undefined || isText(value.jkt)),
  scope: (value) => typeof value === "string",
  auth_time: isSeconds,
  acr: (value) => typeof value === "string",
  amr: (value) => Array.isArray(value) && value.every((item) => typeof item === "string"),
};

const CLAIM_CHECKS: readonly (readonly [what: string, check: Check])[] = [
  ["the required claims are there", (claims) => requireClaims(claims, REQUIRED)],
  ["the others have their shapes", (claims) => checkOptionalClaims(claims, OPTIONAL)],
  ["iss is ours, exactly", checkIssuer],
  ["aud names us", checkAudience],
  // Last: what a clock explains must have nothing else against it.
  ["now is within exp, nbf and iat", (claims, expected) => expected.checkTimes(claims)],
];

export function checkClaims(payload: JsonObject, expected: ClaimExpectations): AccessTokenClaims {
  const claims = payload as unknown as AccessTokenClaims;
  for (const [, check] of CLAIM_CHECKS) check(claims, expected);
  return claims;
}

function checkIssuer(claims: AccessTokenClaims, { issuer }: ClaimExpectations): void {
  if (claims.iss !== issuer) throw accessTokenError("wrong_issuer");
}

/** It may name the issuer's UserInfo endpoint too, and nothing else: see `resourceInAudience`. */
function checkAudience({ aud, iss }: AccessTokenClaims, { audience }: ClaimExpectations): void {
  const resource = resourceInAudience(aud, iss);
  if (resource === undefined || !audience.has(resource)) throw accessTokenError("wrong_audience");
}
