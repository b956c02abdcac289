/** What is wrong with the keys of an app, beyond the shape of a JWK Set. The same for the configuration file and for the API. */
import { createPublicKey, type webcrypto } from "node:crypto";
import type { AppKeySet } from "@portcullis/protocol";
import type { Problem } from "./app-rules.ts";

interface KeySettings {
  readonly usesKeys: boolean;
  readonly jwks?: AppKeySet | undefined;
  readonly jwksUri?: string | undefined;
}

/** `problemOfTarget`: whether this server may send requests to a URL. */
export function appKeyProblems(
  { usesKeys, jwks, jwksUri }: KeySettings,
  problemOfTarget: (url: string) => string | undefined,
): Problem[] {
  const given = [jwks, jwksUri].filter((value) => value !== undefined).length;
  if (given !== (usesKeys ? 1 : 0)) return [problemOfCount(usesKeys, given)];
  if (jwksUri === undefined) return (jwks?.keys ?? []).flatMap(keyProblems);
  const problem = problemOfTarget(jwksUri);
  return problem === undefined ? [] : [at(["jwksUri"], `found ${JSON.stringify(jwksUri)}, which ${problem}`)];
}

function problemOfCount(usesKeys: boolean, given: number): Problem {
  if (!usesKeys)
    return at(["jwks"], "found keys of an app that does not use private_key_jwt; leave out jwks and jwksUri");
  if (given === 0) return at(["jwks"], "found none; private_key_jwt needs jwks or jwksUri");
  return at(["jwks"], "found jwks and jwksUri; give one of them");
}

function keyProblems(key: AppKeySet["keys"][number], index: number): Problem[] {
  const problem = problemOfKey(key);
  return problem === undefined ? [] : [at(["jwks", "keys", index], problem)];
}

/** As many bits as the shortest key that OpenID Connect lets an RSA signature have. */
const MIN_RSA_BITS = 2048;

function problemOfKey(jwk: AppKeySet["keys"][number]): string | undefined {
  const key = importedOf(jwk as webcrypto.JsonWebKey);
  if (key === undefined) return "is no public key: a member is missing, or has a value that it cannot have";
  const { modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (jwk.kty === "RSA" && modulusLength < MIN_RSA_BITS)
    return `has ${modulusLength} bits; an RSA key needs ${MIN_RSA_BITS}`;
  if (jwk.kty === "EC" && jwk.crv !== "P-256")
    return `is on the curve ${JSON.stringify(jwk.crv)}; take P-256`;
  if (jwk.kty === "OKP" && jwk.crv !== "Ed25519")
    return `is on the curve ${JSON.stringify(jwk.crv)}; take Ed25519`;
  const { [jwk.kty]: algorithms } = ALGORITHMS;
  if (jwk.alg === undefined || algorithms.includes(jwk.alg)) return undefined;
  return `has alg ${jwk.alg}, which a key of type ${jwk.kty} cannot have; it can have ${algorithms.join(" or ")}`;
}

const ALGORITHMS: Readonly<Record<"EC" | "OKP" | "RSA", readonly string[]>> = {
  EC: ["ES256"],
  OKP: ["EdDSA", "Ed25519"],
  RSA: ["RS256", "PS256"],
};

function importedOf(key: webcrypto.JsonWebKey) {
  try {
    return createPublicKey({ key, format: "jwk" });
  } catch {
    return undefined;
  }
}

const at = (path: Problem["path"], message: string): Problem => ({ path, message });
