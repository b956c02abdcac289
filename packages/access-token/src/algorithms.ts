/**
 * The signature algorithms there are. Each fixes the kind of key, the hash and the form of the signature, so
 * that nothing in a token's header can choose them (RFC 8725, sections 3.1 and 3.2). There is no `none`, and
 * no HMAC: a public key can never be taken for a shared secret.
 */
import { constants, type KeyObject, type VerifyKeyObjectInput, verify } from "node:crypto";
import { accessTokenError } from "./errors.ts";

interface AlgorithmDefinition {
  /** `hash` of crypto.verify; null where the algorithm has its own. */
  readonly hash: string | null;
  /** Bytes of a signature, where the algorithm fixes them. */
  readonly signatureBytes?: number;
  fits(key: KeyObject): boolean;
  /** What crypto.verify is given beside the key. */
  readonly options: Readonly<{ dsaEncoding?: "ieee-p1363"; padding?: number; saltLength?: number }>;
}

const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;
const MIN_RSA_EXPONENT = 65_537n;

function isStrongRsa(key: KeyObject): boolean {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  return (
    key.asymmetricKeyType === "rsa" &&
    modulusLength >= MIN_RSA_BITS &&
    modulusLength <= MAX_RSA_BITS &&
    publicExponent >= MIN_RSA_EXPONENT
  );
}

export const ALGORITHMS = {
  EdDSA: {
    hash: null,
    signatureBytes: 64,
    fits: (key) => key.asymmetricKeyType === "ed25519",
    options: {},
  },
  ES256: {
    hash: "sha256",
    signatureBytes: 64,
    fits: (key) => key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1",
    options: { dsaEncoding: "ieee-p1363" },
  },
  RS256: {
    hash: "sha256",
    fits: isStrongRsa,
    options: { padding: constants.RSA_PKCS1_PADDING },
  },
  PS256: {
    hash: "sha256",
    fits: isStrongRsa,
    options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
  },
} as const satisfies Record<string, AlgorithmDefinition>;

export type Algorithm = keyof typeof ALGORITHMS;
export const ALGORITHM_NAMES = Object.keys(ALGORITHMS) as Algorithm[];

/** Whether this public key may be used with this algorithm, and so with no other of ours but RSA's two. */
export function keyFits(key: KeyObject, algorithm: Algorithm): boolean {
  return key.type === "public" && ALGORITHMS[algorithm].fits(key);
}

/** A key made ready for the verifications that follow: what does not change is looked at once. */
export interface FittingKey {
  readonly key: KeyObject;
  readonly algorithm: Algorithm;
  readonly input: VerifyKeyObjectInput;
}

/** Throws `unknown_key`: a key source of somebody else's may hand out any key, so it is checked whoever made it. */
export function fittingKey(key: KeyObject, algorithm: Algorithm): FittingKey {
  if (!keyFits(key, algorithm)) {
    throw accessTokenError("unknown_key", { detail: `the key does not fit ${algorithm}` });
  }
  return { key, algorithm, input: { key, ...ALGORITHMS[algorithm].options } };
}

export function signatureVerifies(
  { algorithm, input }: FittingKey,
  signed: Uint8Array,
  signature: Uint8Array,
): boolean {
  const { hash, signatureBytes }: AlgorithmDefinition = ALGORITHMS[algorithm];
  if (signatureBytes !== undefined && signature.length !== signatureBytes) return false;
  return verify(hash, signed, input, signature);
}
