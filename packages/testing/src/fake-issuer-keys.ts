import { constants, createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";

export type SigningAlgorithm = "EdDSA" | "ES256" | "RS256" | "PS256";

/** A key pair of an issuer. Signing is done here by hand, so that wrong tokens can be made as well. */
export interface SigningKey {
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** As published: with `kid`, `alg` and `use`. */
  readonly jwk: Readonly<Record<string, unknown>>;
}

export function generateSigningKey(alg: SigningAlgorithm, kid: string): SigningKey {
  const { privateKey, publicKey } = generatePair(alg);
  const jwk = { ...(publicKey.export({ format: "jwk" }) as object), kid, alg, use: "sig" };
  return { kid, alg, privateKey, publicKey, jwk };
}

function generatePair(alg: SigningAlgorithm): { privateKey: KeyObject; publicKey: KeyObject } {
  if (alg === "EdDSA") return generateKeyPairSync("ed25519");
  if (alg === "ES256") return generateKeyPairSync("ec", { namedCurve: "P-256" });
  return generateKeyPairSync("rsa", { modulusLength: 2048 });
}

export const encodeJson = (value: unknown): string =>
  Buffer.from(JSON.stringify(value)).toString("base64url");

/** Header and payload are signed as they are given; texts are taken for JSON already, however wrong. */
export function signJwt(key: SigningKey, header: object | string, payload: object | string): string {
  const encode = (part: object | string) =>
    typeof part === "string" ? Buffer.from(part).toString("base64url") : encodeJson(part);
  const signed = `${encode(header)}.${encode(payload)}`;
  return `${signed}.${signatureOf(key, Buffer.from(signed)).toString("base64url")}`;
}

export function signatureOf({ alg, privateKey }: SigningKey, signed: Uint8Array): Buffer {
  if (alg === "EdDSA") return sign(null, signed, privateKey);
  if (alg === "ES256") return sign("sha256", signed, { key: privateKey, dsaEncoding: "ieee-p1363" });
  if (alg === "RS256") return sign("sha256", signed, privateKey);
  return sign("sha256", signed, {
    key: privateKey,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: 32,
  });
}

/** The classic forgery: an HMAC whose secret is the public key, which everybody has. */
export function signWithPublicKeyAsSecret(key: SigningKey, header: object, payload: object): string {
  const signed = `${encodeJson(header)}.${encodeJson(payload)}`;
  const secret = key.publicKey.export({ format: "pem", type: "spki" });
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}
