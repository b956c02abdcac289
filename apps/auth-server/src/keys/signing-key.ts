import { createHash, generateKeyPair, generateKeyPairSync, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import type { SigningAlgorithm } from "@portcullis/protocol";
import type { JWK } from "jose";

/** Private, with the thumbprint as its `kid` (RFC 7638). */
export type SigningKey = JWK & { readonly kid: string; readonly alg: SigningAlgorithm };

type MakeKey = () => KeyObject | Promise<KeyObject>;

/** What NIST SP 800-57 takes for good until 2030, as all verifiers do. A longer one would make each signature dearer. */
const RSA_BITS = 2048;
const generateRsa = promisify(generateKeyPair);

/** Those on curves take a fraction of a millisecond. RSA takes long: never on the event loop. */
const MAKERS: Readonly<Record<SigningAlgorithm, MakeKey>> = {
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
  EdDSA: () => generateKeyPairSync("ed25519").privateKey,
  RS256: async () => (await generateRsa("rsa", { modulusLength: RSA_BITS })).privateKey,
};

/**
 * One whose `kid` begins with a dash is thrown away: who retires a key in a hurry must be able to paste it into a command.
 */
async function makeSigningKey(algorithm: SigningAlgorithm): Promise<SigningKey> {
  for (;;) {
    const jwk = (await MAKERS[algorithm]()).export({ format: "jwk" }) as JWK;
    const kid = thumbprintOf(jwk);
    if (!kid.startsWith("-")) return { ...jwk, kid, alg: algorithm, use: "sig" };
  }
}

/**
 * Makes keys within transactions, which others wait for: the one that takes long is made before it is asked for, and the
 * next one as soon as it is taken.
 */
export class KeyMaker {
  #ready: Promise<SigningKey> | undefined;

  /** To be called when an algorithm is in use: its next key may be needed at any time. */
  prepare(algorithm: SigningAlgorithm): void {
    if (algorithm !== "RS256") return;
    this.#ready ??= makeSigningKey(algorithm);
    // Whoever takes it hears of a failure.
    this.#ready.catch(() => undefined);
  }

  /** A key that nobody else gets. */
  take(algorithm: SigningAlgorithm): Promise<SigningKey> {
    if (algorithm !== "RS256") return makeSigningKey(algorithm);
    this.prepare(algorithm);
    const taken = this.#ready!;
    this.#ready = undefined;
    this.prepare(algorithm);
    return taken;
  }
}

/** In the order that the RFC wants. */
const THUMBPRINT_MEMBERS: Readonly<Record<string, readonly (keyof JWK)[]>> = {
  EC: ["crv", "kty", "x", "y"],
  OKP: ["crv", "kty", "x"],
  RSA: ["e", "kty", "n"],
};

function thumbprintOf(jwk: JWK): string {
  const members = membersOf(jwk, THUMBPRINT_MEMBERS[jwk.kty!]!);
  return createHash("sha256").update(JSON.stringify(members)).digest("base64url");
}

/** By name: a member that nobody thought of stays private. */
const PUBLIC_MEMBERS = ["kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"] as const;

export const publicPartOf = (jwk: JWK): JWK => membersOf(jwk, PUBLIC_MEMBERS);

const membersOf = (jwk: JWK, names: readonly (keyof JWK)[]): JWK =>
  Object.fromEntries(names.filter((name) => jwk[name] !== undefined).map((name) => [name, jwk[name]])) as JWK;

/** What the JWKS endpoint shows. */
export const publicKeysOf = (keys: readonly JWK[]): { keys: JWK[] } => ({ keys: keys.map(publicPartOf) });
