/**
 * The signing keys as the library takes them. It would sign by WebCrypto, which hands each signature to another thread: the hand-over takes more
 * CPU time than a signature on a curve does. So those are made at once, by a key that is read once; what is slow (RSA) goes to another thread still.
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { promisify } from "node:util";
import type { SigningAlgorithm } from "@portcullis/protocol";
import { ExternalSigningKey } from "oidc-provider";
import type { SigningKey } from "../../keys/signing-key.ts";

type Sign = (data: Uint8Array, key: KeyObject) => Uint8Array | Promise<Uint8Array>;

const signElsewhere = promisify(sign);

/** RFC 7518, sections 3.3 and 3.4: of ES256 the two numbers as they are; RFC 8037, section 3.1: EdDSA has its hash in it. */
const SIGN: Readonly<Record<SigningAlgorithm, Sign>> = {
  ES256: (data, key) => sign("sha256", data, { key, dsaEncoding: "ieee-p1363" }),
  EdDSA: (data, key) => sign(null, data, key),
  RS256: (data, key) => signElsewhere("sha256", data, key),
};

export const librarySigningKey = (key: SigningKey): ExternalSigningKey => new OwnSigningKey(key);

class OwnSigningKey extends ExternalSigningKey {
  readonly #kid: string;
  readonly #algorithm: SigningAlgorithm;
  readonly #private: KeyObject;
  readonly #public: KeyObject;

  constructor({ kid, alg, ...jwk }: SigningKey) {
    super();
    this.#kid = kid;
    this.#algorithm = alg;
    this.#private = createPrivateKey({ key: jwk, format: "jwk" });
    this.#public = createPublicKey(this.#private);
  }

  override get kid(): string {
    return this.#kid;
  }

  override get alg(): SigningAlgorithm {
    return this.#algorithm;
  }

  override keyObject(): KeyObject {
    return this.#public;
  }

  override sign(data: Uint8Array): Uint8Array | Promise<Uint8Array> {
    return SIGN[this.#algorithm](data, this.#private);
  }
}
