/**
 * The issuer's word on its revocation log (protocol/signed-head.ts). It has no `exp`: what it says of a seq stays true,
 * and whether there is more by now is the lease's business.
 */
import { SIGNED_HEAD_TYPE, type SignedHeadClaims, signedHeadClaimsSchema } from "@portcullis/protocol";
import type { Algorithm } from "./algorithms.ts";
import { accessTokenError } from "./errors.ts";
import type { KeySource } from "./key-source.ts";
import { signedJwtReader } from "./signed-jwt.ts";

export interface SignedHeadVerifierOptions {
  /** Compared exactly with `iss`. */
  readonly issuer: string;
  readonly keys: KeySource;
  readonly algorithms?: readonly Algorithm[] | undefined;
}

const MAX_CHARACTERS = 2000;

/** Returns a function that resolves with the claims, or rejects with an `AccessTokenError`. Known keys need no fetch. */
export function createSignedHeadVerifier(
  options: SignedHeadVerifierOptions,
): (jws: string) => Promise<SignedHeadClaims> {
  const { issuer, keys, algorithms } = options;
  const read = signedJwtReader({
    type: SIGNED_HEAD_TYPE,
    keys,
    algorithms,
    maxTokenLength: MAX_CHARACTERS,
  });
  return async (jws) => {
    const { payload } = await read(jws);
    const claims = signedHeadClaimsSchema.safeParse(payload);
    if (!claims.success) {
      throw accessTokenError("malformed_token", { detail: "the claims are not those of a signed head" });
    }
    if (claims.data.iss !== issuer) throw accessTokenError("wrong_issuer");
    return claims.data;
  };
}
