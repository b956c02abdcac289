import { createHash } from "node:crypto";
import type { SigningAlgorithm } from "@portcullis/protocol";
import { type CryptoKey, decodeJwt, decodeProtectedHeader, importJWK, SignJWT } from "jose";
import type { KeyRing } from "../../keys/key-ring.ts";

/**
 * Gives the same token under the key of today, if its key was retired; else itself. An ID token is told of the access token
 * beside it when that has become another, and is signed again then, whatever its key.
 */
export type RenewSignature = (jwt: string, accessToken?: string) => Promise<string>;

/**
 * For tokens that this issuer has made and kept sealed. Says nothing about what is in them: whoever calls has checked that
 * they would be issued today.
 */
export function renewSignatures(ring: Pick<KeyRing, "isLive" | "signing">): RenewSignature {
  return async (jwt, accessToken) => {
    // An opaque token.
    if (jwt.split(".").length !== 3) return jwt;
    const header = decodeProtectedHeader(jwt);
    if (ring.isLive(header.kid!) && accessToken === undefined) return jwt;
    const key = await ring.signing(header.alg as SigningAlgorithm);
    const hash = accessToken === undefined ? {} : { at_hash: accessTokenHash(accessToken, key.alg) };
    return new SignJWT({ ...decodeJwt(jwt), ...hash })
      .setProtectedHeader({ ...header, alg: key.alg, kid: key.kid })
      .sign((await importJWK(key)) as CryptoKey);
  };
}

/** The hash of the algorithm that signs the ID token (OpenID Connect Core 1.0, section 3.1.3.6): Ed25519 has SHA-512 in it. */
const HASHES: Readonly<Record<SigningAlgorithm, string>> = {
  ES256: "sha256",
  EdDSA: "sha512",
  RS256: "sha256",
};

function accessTokenHash(accessToken: string, algorithm: SigningAlgorithm): string {
  const hash = createHash(HASHES[algorithm]).update(accessToken).digest();
  return hash.subarray(0, hash.length / 2).toString("base64url");
}
