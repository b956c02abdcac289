import { createHash } from "node:crypto";
import { type CryptoKey, decodeJwt, decodeProtectedHeader, importJWK, type JWTPayload, SignJWT } from "jose";
import type { KeyRing } from "../../keys/key-ring.ts";

/** Gives the same token, with these claims besides and under the key of today, if its key was retired; else itself. */
export type RenewSignature = (jwt: string, claims?: JWTPayload) => Promise<string>;

/**
 * For tokens that this issuer has made and kept sealed. Says nothing about what is in them: whoever calls has checked that
 * they would be issued today.
 */
export function renewSignatures(ring: KeyRing): RenewSignature {
  return async (jwt, claims = {}) => {
    // An opaque token.
    if (jwt.split(".").length !== 3) return jwt;
    const header = decodeProtectedHeader(jwt);
    if (ring.isLive(header.kid!)) return jwt;
    const key = await ring.signing();
    return new SignJWT({ ...decodeJwt(jwt), ...claims })
      .setProtectedHeader({ ...header, alg: key.alg!, kid: key.kid })
      .sign((await importJWK(key)) as CryptoKey);
  };
}

/** Of an ID token, about the access token beside it (OpenID Connect Core 1.0, section 3.1.3.6). */
export const accessTokenHash = (accessToken: string): string =>
  createHash("sha256").update(accessToken).digest().subarray(0, 16).toString("base64url");
