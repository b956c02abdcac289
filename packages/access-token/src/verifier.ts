import { ACCESS_TOKEN_TYPE } from "@portcullis/protocol";
import { accessTokenOf } from "./access-token-of.ts";
import { checkClaims } from "./check-claims.ts";
import type { AccessToken, AccessTokenClaims, VerifiedAccessToken } from "./claims.ts";
import { audienceSet, timesCheckOf } from "./expectations.ts";
import { type SignedJwt, signedJwtReader } from "./signed-jwt.ts";
import { VerifiedCache } from "./verified-cache.ts";
import type { AccessTokenVerifier, AccessTokenVerifierOptions, VerifiedEntry } from "./verifier-types.ts";

const CACHE_ENTRIES = 10_000;
const CACHE_CHARACTERS = 16 * 1024 * 1024;

/**
 * Verifies JWT access tokens (RFC 9068) of one issuer.
 *
 * ```ts
 * const verifier = createAccessTokenVerifier({
 *   issuer: "https://id.example",
 *   audience: "https://orders.example",
 *   keys: remoteKeySource({ fetchKeySet: keySetOf({ issuer: "https://id.example" }) }),
 * });
 * const { claims } = await verifier.verify(token);
 * ```
 *
 * It says nothing about revocation: that is the guard's part.
 */
export function createAccessTokenVerifier<Mark = undefined>(
  options: AccessTokenVerifierOptions<Mark>,
): AccessTokenVerifier<Mark> {
  const { keys } = options;
  const checkTimesNow = timesCheckOf(options);
  const expected = {
    issuer: options.issuer,
    audience: audienceSet(options.audience),
    checkTimes: checkTimesNow,
  };
  const read = signedJwtReader({
    type: ACCESS_TOKEN_TYPE,
    keys,
    algorithms: options.algorithms,
    maxTokenLength: options.maxTokenLength,
  });
  const cache = new VerifiedCache<VerifiedEntry<Mark>>({
    entries: options.cacheEntries ?? CACHE_ENTRIES,
    characters: options.cacheCharacters ?? CACHE_CHARACTERS,
  });
  let generation = keys.generation;

  function verifyEntry(token: string): VerifiedEntry<Mark> | Promise<VerifiedEntry<Mark>> {
    if (keys.generation !== generation) forgetAll();
    const known = cache.get(token);
    if (known === undefined) return verifyNew(token);
    checkTimesNow(known.token.claims);
    return known;
  }

  function verifyNew(token: string): VerifiedEntry<Mark> | Promise<VerifiedEntry<Mark>> {
    const asOf = keys.generation;
    const signed = read(token);
    return signed instanceof Promise
      ? signed.then((jwt) => remember(token, jwt, keys.generation))
      : remember(token, signed, asOf);
  }

  function remember(token: string, jwt: SignedJwt, asOf: number | undefined): VerifiedEntry<Mark> {
    const verified = tokenOf(jwt, checkClaims(jwt.payload, expected));
    const entry = { token: verified, mark: options.prepare?.(verified) as Mark };
    // A key that was withdrawn meanwhile leaves the token out of the cache, not in it for its whole life.
    if (asOf === generation) cache.set(token, entry);
    return entry;
  }

  /** A key was withdrawn: what it signed must be verified again, and fails then. */
  function forgetAll(): void {
    generation = keys.generation;
    cache.clear();
  }

  const recheckTimes = (token: AccessToken): void => checkTimesNow(token.claims);

  function verify(token: string): VerifiedAccessToken | Promise<VerifiedAccessToken> {
    const entry = verifyEntry(token);
    return entry instanceof Promise ? entry.then((found) => found.token) : entry.token;
  }

  return { verify, verifyEntry, recheckTimes };
}

function tokenOf({ header }: SignedJwt, claims: AccessTokenClaims): VerifiedAccessToken {
  return Object.freeze({ ...accessTokenOf(claims), header });
}
