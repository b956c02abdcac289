/**
 * Transaction tokens (draft-ietf-oauth-transaction-tokens): what the gateway forwards in place of the access
 * token. They live for seconds, so that no revocation is looked up for them and none is remembered.
 */
import {
  type Clock,
  deepFreeze,
  systemClock,
  TRANSACTION_TOKEN_TYPE,
  wallSecondsOf,
} from "@portcullis/protocol";
import type { Algorithm } from "./algorithms.ts";
import {
  audienceList,
  type ClaimShapes,
  checkOptionalClaims,
  checkTimes,
  isAudience,
  isObject,
  isSeconds,
  isText,
  requireClaims,
  scopesOf,
} from "./claim-checks.ts";
import type { TransactionToken, TransactionTokenClaims } from "./claims.ts";
import { accessTokenError } from "./errors.ts";
import { CLOCK_SKEW_SECONDS } from "./expectations.ts";
import type { KeySource } from "./key-source.ts";
import { type SignedJwt, signedJwtReader } from "./signed-jwt.ts";

export interface TransactionTokenVerifierOptions {
  /** The gateway: compared exactly with `iss`. */
  readonly issuer: string;
  /** Must be in `aud`: the trust domain, or the service. */
  readonly audience: string;
  readonly keys: KeySource;
  readonly algorithms?: readonly Algorithm[] | undefined;
  /** Seconds, default 5. */
  readonly clockSkewSeconds?: number | undefined;
  /** Default: the system's. */
  readonly clock?: Pick<Clock, "wallMs"> | undefined;
  /** Characters, default 8,192. */
  readonly maxTokenLength?: number | undefined;
}

export interface TransactionTokenVerifier {
  /** Rejects with an `AccessTokenError`. */
  verify(token: string): Promise<TransactionToken>;
}

const REQUIRED: ClaimShapes = {
  iss: isText,
  aud: isAudience,
  iat: isSeconds,
  exp: isSeconds,
  txn: isText,
  sub: isText,
};
const OPTIONAL: ClaimShapes = {
  nbf: isSeconds,
  scope: (value) => typeof value === "string",
  tctx: isObject,
  rctx: isObject,
};

export function createTransactionTokenVerifier(
  options: TransactionTokenVerifierOptions,
): TransactionTokenVerifier {
  const { clock = systemClock, clockSkewSeconds = CLOCK_SKEW_SECONDS } = options;
  const read = signedJwtReader({
    type: TRANSACTION_TOKEN_TYPE,
    keys: options.keys,
    algorithms: options.algorithms,
    maxTokenLength: options.maxTokenLength,
  });

  function checked({ header, payload }: SignedJwt): TransactionToken {
    requireClaims(payload, REQUIRED);
    checkOptionalClaims(payload, OPTIONAL);
    const claims = payload as unknown as TransactionTokenClaims;
    if (claims.iss !== options.issuer) throw accessTokenError("wrong_issuer");
    if (!audienceList(claims.aud).includes(options.audience)) throw accessTokenError("wrong_audience");
    checkTimes(claims, wallSecondsOf(clock), clockSkewSeconds);
    deepFreeze(claims);
    return Object.freeze({
      claims,
      header,
      subject: claims.sub,
      scopes: scopesOf(claims.scope),
      issuer: claims.iss,
    });
  }

  return { verify: async (token) => checked(await read(token)) };
}
