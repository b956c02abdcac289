/** The issuer's word on its log (protocol/signed-head.ts), given and recognized with the keys of its JWKS. */
import type { LogPosition, SignHead } from "@portcullis/feed-server";
import {
  encodeBase64url,
  SIGNED_HEAD_TYPE,
  type SignedHeadClaims,
  signedHeadClaimsSchema,
} from "@portcullis/protocol";
import { CompactSign, type CryptoKey, compactVerify, createLocalJWKSet, importJWK, type JWK } from "jose";

export interface SignHeadOptions {
  readonly issuer: string;
  /** Read at every call: after a restore by hand it is another one. */
  readonly incarnation: () => string;
  /** Private, the one to sign with first. */
  readonly keys: readonly JWK[];
  readonly nowSeconds: () => number;
}

export function createSignHead({ issuer, incarnation, keys, nowSeconds }: SignHeadOptions): SignHead {
  const key = keys[0]!;
  const { alg, kid } = key;
  // Once, and not for each of many batches a second.
  const imported = importJWK(key) as Promise<CryptoKey>;
  // Who signs hears of it.
  imported.catch(() => {});
  return async ({ seq, chain }: LogPosition) => {
    const claims: SignedHeadClaims = {
      iss: issuer,
      incarnation: incarnation(),
      seq,
      chain: encodeBase64url(chain),
      iat: Math.floor(nowSeconds()),
    };
    const header = { alg: alg!, kid: kid!, typ: SIGNED_HEAD_TYPE };
    const payload = new TextEncoder().encode(JSON.stringify(claims));
    return new CompactSign(payload).setProtectedHeader(header).sign(await imported);
  };
}

export interface RecognizeHeadOptions {
  readonly issuer: string;
  /** Public, all that may have signed. */
  readonly keys: { readonly keys: JWK[] };
}

export type RecognizedHead = SignedHeadClaims & { readonly kid: string };

/** The claims of a head that this issuer has signed; undefined for everything else. */
export function createRecognizeHead({ issuer, keys }: RecognizeHeadOptions) {
  const ownKeys = createLocalJWKSet(keys);
  const algorithms = [...new Set(keys.keys.map(({ alg }) => alg!))];
  return async (jws: string): Promise<RecognizedHead | undefined> => {
    try {
      const { payload, protectedHeader } = await compactVerify(jws, ownKeys, { algorithms });
      if (protectedHeader.typ !== SIGNED_HEAD_TYPE) return undefined;
      const claims = signedHeadClaimsSchema.parse(JSON.parse(new TextDecoder().decode(payload)));
      return claims.iss === issuer ? { ...claims, kid: protectedHeader.kid! } : undefined;
    } catch {
      return undefined;
    }
  };
}
