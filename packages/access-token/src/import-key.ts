import { createPublicKey, type JsonWebKeyInput, type KeyObject } from "node:crypto";
import { type Algorithm, keyFits } from "./algorithms.ts";

/** A public key, bound to the one algorithm it may be used with. */
interface VerificationKey {
  readonly kid: string;
  readonly algorithm: Algorithm;
  readonly key: KeyObject;
}

export const MAX_KID_LENGTH = 128;

/** One algorithm a key (RFC 8725, section 3.1): RSA without `alg` is RS256, never both of its algorithms. */
const DEFAULT_ALGORITHM: Readonly<Record<string, Algorithm>> = {
  "OKP Ed25519": "EdDSA",
  "EC P-256": "ES256",
  RSA: "RS256",
};
const KIND_OF: Readonly<Record<Algorithm, string>> = {
  EdDSA: "OKP Ed25519",
  ES256: "EC P-256",
  RS256: "RSA",
  PS256: "RSA",
};

/** Members that only private and symmetric keys have: one that was published is nobody's secret any more. */
const SECRET_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] as const;

/** Returns the key, or undefined for one that cannot be used here: a set with one such key must not stop the others. */
export function importKey(jwk: unknown): VerificationKey | undefined {
  if (typeof jwk !== "object" || jwk === null) return undefined;
  const members = jwk as Record<string, unknown>;
  const algorithm = algorithmOf(members);
  if (algorithm === undefined || !isPublicVerificationKey(members)) return undefined;
  const key = publicKeyOf(members);
  if (key === undefined || !keyFits(key, algorithm)) return undefined;
  return { kid: members.kid as string, algorithm, key };
}

function algorithmOf(jwk: Record<string, unknown>): Algorithm | undefined {
  const kind = jwk.crv === undefined ? `${jwk.kty}` : `${jwk.kty} ${jwk.crv}`;
  if (jwk.alg === undefined)
    return Object.hasOwn(DEFAULT_ALGORITHM, kind) ? DEFAULT_ALGORITHM[kind] : undefined;
  if (typeof jwk.alg !== "string" || !Object.hasOwn(KIND_OF, jwk.alg)) return undefined;
  const algorithm = jwk.alg as Algorithm;
  return KIND_OF[algorithm] === kind ? algorithm : undefined;
}

function isPublicVerificationKey(jwk: Record<string, unknown>): boolean {
  return (
    typeof jwk.kid === "string" &&
    jwk.kid.length > 0 &&
    jwk.kid.length <= MAX_KID_LENGTH &&
    (jwk.use === undefined || jwk.use === "sig") &&
    (jwk.key_ops === undefined || (Array.isArray(jwk.key_ops) && jwk.key_ops.includes("verify"))) &&
    SECRET_MEMBERS.every((member) => jwk[member] === undefined)
  );
}

function publicKeyOf(jwk: Record<string, unknown>): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk, format: "jwk" } as unknown as JsonWebKeyInput);
  } catch {
    return undefined;
  }
}
