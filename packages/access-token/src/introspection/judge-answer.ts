/** Whether an issuer's answer about a token (RFC 7662, section 2.2) can be used, and what it makes of the token. */
import {
  hasCode,
  type IntrospectableApis,
  introspectedTokenSchema,
  type JsonObject,
  opaqueTokenKind,
  REASONS,
} from "@portcullis/protocol";
import { accessTokenOf } from "../access-token-of.ts";
import { checkClaims } from "../check-claims.ts";
import type { TimeClaims } from "../claim-checks.ts";
import type { IntrospectedAccessToken, VerifiedAccessToken } from "../claims.ts";
import { accessTokenError, isAccessTokenError } from "../errors.ts";

/** What the function that asks gives: `introspectionOf` of `@portcullis/issuer` has it. */
export interface IntrospectionAnswer {
  /** The members of the answer; `active` is a boolean. */
  readonly claims: JsonObject;
  /** About tokens of which APIs this client is answered; undefined where the issuer does not say. */
  readonly introspects: IntrospectableApis | undefined;
}

export interface Expected {
  readonly issuer: string;
  readonly audience: ReadonlySet<string>;
  readonly checkTimes: (claims: TimeClaims) => void;
}

/** Returns the token. Throws an `AccessTokenError`: 401 only for what the issuer said of the token, 503 for an answer that says nothing. */
export function judgeOpaque(
  token: string,
  answer: IntrospectionAnswer,
  expected: Expected,
): IntrospectedAccessToken {
  requireActive(answer, expected);
  const found = introspectedTokenSchema.safeParse(answer.claims);
  if (!found.success) throw unusable(`its ${found.error.issues[0]?.path.join(".")} is not as it must be`);
  const { active: _, token_type: __, ...claims } = answer.claims;
  try {
    return Object.freeze({ ...accessTokenOf(checkClaims(claims, expected)), kind: opaqueTokenKind(token)! });
  } catch (error) {
    throw isAboutTheToken(error) ? error : unusable(error instanceof Error ? error.message : String(error));
  }
}

/** Throws unless the answer says that this very JWT is good. Its claims are those that were verified. */
export function judgeJwt(
  { claims }: VerifiedAccessToken,
  answer: IntrospectionAnswer,
  expected: Expected,
): void {
  requireActive(answer, expected);
  for (const name of ["iss", "jti", "sub", "client_id"] as const) {
    const said = answer.claims[name];
    if (said !== undefined && said !== claims[name]) throw unusable(`it is of another token: by its ${name}`);
  }
}

/**
 * Without the right to ask about an API, each of its tokens seems to be dead. As long as one of the APIs is lacking, nobody can say which of them
 * a dead token was for, so this is our outage and not the token's end.
 */
function requireActive({ claims, introspects }: IntrospectionAnswer, { audience }: Expected): void {
  if (claims.active === true) return;
  const { reason } = claims;
  if (typeof reason === "string" && (REASONS as readonly string[]).includes(reason))
    throw accessTokenError("inactive_token", { detail: reason });
  const lacking = lackingOf(introspects, audience);
  if (lacking.length > 0) throw accessTokenError("introspection_not_allowed", { detail: lacking.join(" ") });
  throw accessTokenError("inactive_token");
}

/** Returns the APIs about whose tokens the client is not answered; none where the issuer does not say. */
export function lackingOf(
  introspects: IntrospectableApis | undefined,
  audience: ReadonlySet<string>,
): readonly string[] {
  if (introspects === undefined || introspects === "any") return [];
  return [...audience].filter((api) => !introspects.includes(api));
}

const isAboutTheToken = (error: unknown): boolean =>
  hasCode(error, "wrong_audience") || (isAccessTokenError(error) && TIMES.has(error.code));

const TIMES: ReadonlySet<string> = new Set(["expired_token", "not_yet_valid", "refused_by_clock"]);

const unusable = (detail: string) =>
  accessTokenError("introspection_unavailable", { detail: `the answer cannot be used: ${detail}` });
