import { createHash, generateKeyPairSync } from "node:crypto";
import type { JWK } from "jose";

export const SIGNING_ALGORITHM = "ES256";

/** Private, with the thumbprint as its `kid` (RFC 7638). */
export type SigningKey = JWK & { readonly kid: string };

/**
 * Synchronous: it is made within transactions, which wait for nothing foreign. It takes a fraction of a millisecond. One whose
 * `kid` begins with a dash is thrown away: who retires a key in a hurry must be able to paste it into a command.
 */
export function makeSigningKey(): SigningKey {
  for (;;) {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const jwk = privateKey.export({ format: "jwk" }) as JWK;
    const kid = thumbprintOf(jwk);
    if (!kid.startsWith("-")) return { ...jwk, kid, alg: SIGNING_ALGORITHM, use: "sig" };
  }
}

function thumbprintOf({ crv, kty, x, y }: JWK): string {
  return createHash("sha256").update(JSON.stringify({ crv, kty, x, y })).digest("base64url");
}

export const publicPartOf = ({ kty, crv, x, y, kid, alg, use }: JWK): JWK =>
  ({ kty, crv, x, y, kid, alg, use }) as JWK;

/** What the JWKS endpoint shows. */
export const publicKeysOf = (keys: readonly JWK[]): { keys: JWK[] } => ({ keys: keys.map(publicPartOf) });
