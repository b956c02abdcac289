/**
 * JWT access tokens of our own, verified here for revocation and introspection, which the library refuses for them.
 * Of any audience, unlike the guard's verifier: tokens for an API that has left the configuration can still be
 * revoked by whoever holds them.
 */
import {
  ACCESS_TOKEN_TYPE,
  type Clock,
  type RevocableClaims,
  SIGNING_ALGORITHMS,
} from "@portcullis/protocol";
import { createLocalJWKSet, type JWK, errors as joseErrors, jwtVerify } from "jose";
import { wholeSeconds } from "../../storage/stored-time.ts";

export interface OwnToken {
  readonly claims: RevocableClaims & {
    readonly jti: string;
    readonly client_id: string;
    readonly sub: string;
    readonly aud: string | readonly string[];
    readonly scope?: string;
  };
  readonly kid: string;
}

/**
 * Undefined for whatever is not a token of ours that is still valid, or was until `lateSeconds` ago. Decide on its
 * claims, never on its text.
 */
export type VerifyOwnToken = (token: string, lateSeconds?: number) => Promise<OwnToken | undefined>;

export function verifyOwnTokens(options: {
  readonly issuer: string;
  /** Asked at every call; another object when they have changed. */
  readonly keys: () => { keys: JWK[] };
  readonly clock: Clock;
}): VerifyOwnToken {
  const current = localKeySet(options.keys);
  return async (token, lateSeconds = 0) => {
    try {
      const { payload, protectedHeader } = await jwtVerify(token, current(), {
        issuer: options.issuer,
        algorithms: [...SIGNING_ALGORITHMS],
        typ: ACCESS_TOKEN_TYPE,
        requiredClaims: ["jti", "client_id", "sub", "aud", "exp", "iat"],
        currentDate: new Date(wholeSeconds(options.clock) * 1000),
        clockTolerance: lateSeconds,
      });
      return { claims: payload as unknown as OwnToken["claims"], kid: protectedHeader.kid! };
    } catch (error) {
      if (error instanceof joseErrors.JOSEError) return undefined;
      throw error;
    }
  };
}

/** Returns what finds a key among those of this moment. They are imported again only when they have changed. */
export function localKeySet(keys: () => { keys: JWK[] }): () => ReturnType<typeof createLocalJWKSet> {
  let known = keys();
  let set = createLocalJWKSet(known);
  return () => {
    const now = keys();
    if (now !== known) set = createLocalJWKSet(now);
    known = now;
    return set;
  };
}
