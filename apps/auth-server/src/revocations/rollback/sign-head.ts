/** The issuer's word on its log (protocol/signed-head.ts), given and recognized with the keys of its JWKS. */

import type { LogPosition, SignHead } from "@portcullis/feed-server";
import {
  type Clock,
  encodeBase64url,
  SIGNED_HEAD_TYPE,
  type SignedHeadClaims,
  signedHeadClaimsSchema,
} from "@portcullis/protocol";
import { CompactSign, type CryptoKey, compactVerify, createLocalJWKSet, importJWK, type JWK } from "jose";
import { wholeSeconds } from "../../storage/stored-time.ts";

export interface SignHeadOptions {
  readonly issuer: string;
  /** Read at every call: after a restore by hand it is another one. */
  readonly log: { readonly incarnation: string; readonly epoch: number };
  /** Private; asked at every call. Never one that the log refused before the head that is signed. */
  readonly key: () => JWK | Promise<JWK>;
  readonly clock: Clock;
}

export function createSignHead({ issuer, log, key, clock }: SignHeadOptions): SignHead {
  // Once, and not for each of many batches a second.
  let last: { readonly jwk: JWK; readonly imported: Promise<CryptoKey> } | undefined;
  function importedOf(jwk: JWK): Promise<CryptoKey> {
    if (last?.jwk !== jwk) last = { jwk, imported: importJWK(jwk) as Promise<CryptoKey> };
    return last.imported;
  }
  return async ({ seq, chain }: LogPosition, snapshotDigest) => {
    const claims: SignedHeadClaims = {
      iss: issuer,
      incarnation: log.incarnation,
      epoch: log.epoch,
      seq,
      chain: encodeBase64url(chain),
      ...(snapshotDigest && { snapshot: encodeBase64url(snapshotDigest) }),
      iat: wholeSeconds(clock),
    };
    const jwk = await key();
    const { alg, kid } = jwk;
    const header = { alg: alg!, kid: kid!, typ: SIGNED_HEAD_TYPE };
    const payload = new TextEncoder().encode(JSON.stringify(claims));
    return new CompactSign(payload).setProtectedHeader(header).sign(await importedOf(jwk));
  };
}

export interface RecognizeHeadOptions {
  readonly issuer: string;
  /** Public, all that may have signed; asked at every call. */
  readonly keys: () => { readonly keys: JWK[] };
}

export type RecognizedHead = SignedHeadClaims & { readonly kid: string };

/** The claims of a head that this issuer has signed; undefined for everything else. */
export function createRecognizeHead({ issuer, keys }: RecognizeHeadOptions) {
  return async (jws: string): Promise<RecognizedHead | undefined> => {
    try {
      const own = keys();
      const algorithms = [...new Set(own.keys.map(({ alg }) => alg!))];
      const { payload, protectedHeader } = await compactVerify(jws, createLocalJWKSet(own), { algorithms });
      if (protectedHeader.typ !== SIGNED_HEAD_TYPE) return undefined;
      const claims = signedHeadClaimsSchema.parse(JSON.parse(new TextDecoder().decode(payload)));
      return claims.iss === issuer ? { ...claims, kid: protectedHeader.kid! } : undefined;
    } catch {
      return undefined;
    }
  };
}
