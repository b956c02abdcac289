/** A server whose API and app have the algorithms that a test gives them, and what is asked of it. It stops after each test. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { afterEach } from "node:test";
import {
  keyListSchema,
  keyRetirementAnswerSchema,
  type RotatedKey,
  rotatedKeySchema,
  type SigningAlgorithm,
} from "@portcullis/protocol";
import { type Exchange, exchange, json } from "@portcullis/testing/end-to-end";
import { createRemoteJWKSet, decodeProtectedHeader, type JWK, jwtVerify } from "jose";
import { startAdministered } from "../api/administrator.ts";
import { machineToken } from "../oidc/app.ts";
import { RESOURCE, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";

/** Of the test that runs. */
export let server: ServerUnderTest;
afterEach(() => server.stop());

export const OTHERS = ["EdDSA", "RS256"] as const;

interface Algorithms {
  /** Of access tokens for the orders API. */
  readonly api?: SigningAlgorithm;
  /** Of ID tokens for the app `web`. */
  readonly app?: SigningAlgorithm;
}

export async function start({ api = "ES256", app = "ES256" }: Algorithms, hooks = {}): Promise<void> {
  server = await startServer({
    change({ resources, clients }) {
      resources[0]!.algorithm = api;
      Object.assign(clients[0]!, { idTokenAlgorithm: app });
    },
    ...hooks,
  });
}

export async function startForAdministrator(): Promise<void> {
  server = await startAdministered();
}

export const serviceToken = () => machineToken(server.issuer, "service", RESOURCE, "orders.read");
export const headerOf = (jwt: string) => decodeProtectedHeader(jwt);

export async function jwks(): Promise<(JWK & { kid: string; alg: string })[]> {
  return json<{ keys: (JWK & { kid: string; alg: string })[] }>(await exchange(`${server.issuer}/jwks`)).keys;
}

export const published = async (algorithm: string) =>
  (await jwks()).filter(({ alg }) => alg === algorithm).map(({ kid }) => kid);

export async function discovery(): Promise<Record<string, unknown>> {
  return json(await exchange(`${server.issuer}/.well-known/openid-configuration`));
}

export async function callKeys(path: string, body?: object): Promise<Exchange> {
  const accessToken = await machineToken(
    server.issuer,
    "admin",
    `${server.issuer}/api`,
    "keys.read keys.write",
  );
  const common = { authorization: `Bearer ${accessToken}` };
  return exchange(`${server.issuer}/api/v1/keys${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: body === undefined ? common : { ...common, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

export async function rotate(algorithm: SigningAlgorithm): Promise<RotatedKey> {
  const answer = await callKeys("/rotate", { algorithm });
  assert.equal(answer.status, 200, answer.body);
  return rotatedKeySchema.parse(json(answer));
}

export async function retire(kid: string) {
  const answer = await callKeys(`/${kid}/retire`, {});
  assert.equal(answer.status, 200, answer.body);
  return keyRetirementAnswerSchema.parse(json(answer));
}

export const statusesOf = async (algorithm: SigningAlgorithm) => {
  const { items } = keyListSchema.parse(json(await callKeys("")));
  return items.filter((key) => key.algorithm === algorithm).map(({ status }) => status);
};

/** As OpenID Connect Core 1.0, section 3.1.3.6, has it. */
export function atHashOf(accessToken: string, algorithm: SigningAlgorithm): string {
  const hash = createHash(algorithm === "EdDSA" ? "sha512" : "sha256")
    .update(accessToken)
    .digest();
  return hash.subarray(0, hash.length / 2).toString("base64url");
}

/** Somebody else's library, told of one algorithm alone. */
export async function verifies(jwt: string, algorithm: SigningAlgorithm): Promise<void> {
  const keySet = createRemoteJWKSet(new URL(`${server.issuer}/jwks`));
  await jwtVerify(jwt, keySet, { issuer: server.issuer, algorithms: [algorithm] });
}
