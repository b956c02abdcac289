/** Access tokens as the library signs them: header, members and keys alike. */
import { ACCESS_TOKEN_TYPE, type SigningAlgorithm } from "@portcullis/protocol";
import type { SigningKey } from "../../keys/signing-key.ts";
import { librarySigningKey } from "../provider/signing-keys.ts";

export interface SignAccessToken {
  /** Of the key that signs with this algorithm; undefined if there is none. */
  kidOf(algorithm: SigningAlgorithm): string | undefined;
  sign(algorithm: SigningAlgorithm, payload: object): Promise<string>;
}

/** `signingKeys` are private; of each algorithm the one that signs comes first. */
export function createAccessTokenSigner(signingKeys: readonly SigningKey[]): SignAccessToken {
  // The last of a name stays.
  const ofAlgorithm = new Map(signingKeys.toReversed().map((key) => [key.alg, signerOf(key)]));
  return {
    kidOf: (algorithm) => ofAlgorithm.get(algorithm)?.kid,
    sign: (algorithm, payload) => ofAlgorithm.get(algorithm)!.sign(payload),
  };
}

function signerOf(signingKey: SigningKey) {
  const { kid, alg } = signingKey;
  const key = librarySigningKey(signingKey);
  const header = encoded({ alg, typ: ACCESS_TOKEN_TYPE, kid });
  return {
    kid,
    async sign(payload: object): Promise<string> {
      const signed = `${header}.${encoded(payload)}`;
      const signature = await key.sign(Buffer.from(signed));
      return `${signed}.${Buffer.from(signature).toString("base64url")}`;
    },
  };
}

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
