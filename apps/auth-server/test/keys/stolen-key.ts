/** A thief with a copy of the signing key, and what is asked with what he makes. */
import { randomBytes } from "node:crypto";
import type { SigningAlgorithm } from "@portcullis/protocol";
import { type Exchange, exchange } from "@portcullis/testing/end-to-end";
import { importJWK, type JWK, SignJWT } from "jose";
import { machineToken } from "../oidc/app.ts";
import type { ServerUnderTest } from "../oidc/server-under-test.ts";

/** As it lies in the database: the private key of an algorithm that signs now, or that is next. */
export async function stealKey(
  { server }: ServerUnderTest,
  status: "active" | "next" = "active",
  algorithm: SigningAlgorithm = "ES256",
): Promise<JWK & { kid: string }> {
  const { jwk } = await server.storage.read
    .selectFrom("oidc_signing_keys")
    .select("jwk")
    .where("status", "=", status)
    .where("algorithm", "=", algorithm)
    .executeTakeFirstOrThrow();
  return JSON.parse(jwk);
}

export interface Forgery {
  readonly issuer: string;
  readonly audience: string;
  readonly nowSeconds: number;
  readonly claims?: Record<string, unknown>;
  /** Default: that of the key. */
  readonly alg?: string;
}

/** Anything, with a horizon past every cutoff. */
export async function forge(
  key: JWK & { kid: string },
  { issuer, audience, nowSeconds, claims = {}, alg = key.alg! }: Forgery,
): Promise<string> {
  const now = Math.floor(nowSeconds);
  return new SignJWT({
    client_id: "admin",
    scope: "revocations.read revocations.write revocations.inspect keys.read keys.write",
    rv: Number.MAX_SAFE_INTEGER,
    ...claims,
  })
    .setProtectedHeader({ alg, typ: "at+jwt", kid: key.kid })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject("admin")
    .setJti(randomBytes(16).toString("base64url"))
    .setIssuedAt(now)
    .setExpirationTime(now + 600)
    .sign(await importJWK(key, alg));
}

/** Asks the API for the log: 200 when the token is taken for good. */
export const useApi = (at: string, accessToken: string): Promise<Exchange> =>
  exchange(`${at}/revocations/batches`, { headers: { authorization: `Bearer ${accessToken}` } });

export const apiToken = (at: string, audience: string): Promise<string> =>
  machineToken(at, "admin", audience, "revocations.read");

export const kidOf = (jwt: string): string =>
  (JSON.parse(Buffer.from(jwt.split(".")[0]!, "base64url").toString()) as { kid: string }).kid;
