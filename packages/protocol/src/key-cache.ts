/**
 * The longest that any verifier of ours uses a key after it left the issuer's JWKS, seconds. A verifier asks for the
 * JWKS again after ten minutes, and keeps the last good one for an hour more while it gets no other. No setting of a
 * verifier makes it longer. Who retires a key counts from when its JWKS was published without it: until so much later a
 * token that is signed with the key may still be taken for genuine, so its revocation must live longer than that.
 *
 * Counted on the verifier's monotonic clock: the time that a machine is suspended is not in it.
 */
export const KEY_CACHE_MAX_AGE_SECONDS = 4200;

/**
 * After so long in the issuer's JWKS a key is known to verifiers of others, seconds. Their libraries ask for the JWKS again
 * after five minutes (PyJWT, oauth4webapi), ten (jose) or twenty (Istio); those that ask at once for a `kid` which
 * they do not know do so only when they have not asked in the last 30 or 60 seconds. A key that signs earlier makes them
 * refuse good tokens until they ask. Verifiers of ours do not depend on it: they ask within a second.
 */
export const KEY_KNOWN_AFTER_SECONDS = 1800;
