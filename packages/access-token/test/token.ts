/** What the tests of this package start from: one issuer in memory, a clock that stands still. */
import assert from "node:assert/strict";
import { PortcullisError } from "@portcullis/protocol";
import {
  AUDIENCE,
  FrozenClock,
  generateSigningKey,
  newIdentifier,
  type SigningKey,
  signJwt,
} from "@portcullis/testing";
import { type AccessTokenVerifierOptions, createAccessTokenVerifier, localKeySource } from "../src/index.ts";

export const ISSUER = "https://id.example";
export const clock = new FrozenClock();
export const KEYS = {
  ES256: generateSigningKey("ES256", "es"),
  EdDSA: generateSigningKey("EdDSA", "ed"),
  RS256: generateSigningKey("RS256", "rs"),
  PS256: generateSigningKey("PS256", "ps"),
};

export function claims(changes: object = {}): Record<string, unknown> {
  const now = clock.seconds;
  return {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: "user-1",
    client_id: "web",
    scope: "orders.read orders.write",
    iat: now,
    exp: now + 300,
    jti: newIdentifier(),
    sid: newIdentifier(),
    rv: 7,
    ...changes,
  };
}

export function mint(changes: object = {}, header: object = {}, key: SigningKey = KEYS.ES256): string {
  return signJwt(key, { alg: key.alg, kid: key.kid, typ: "at+jwt", ...header }, claims(changes));
}

export function verifier(options: Partial<AccessTokenVerifierOptions> = {}) {
  return createAccessTokenVerifier({
    issuer: ISSUER,
    audience: AUDIENCE,
    keys: localKeySource({ keys: Object.values(KEYS).map((key) => key.jwk) }),
    clock,
    ...options,
  });
}

/** The code that verifying fails with; the error must not carry any part of the token. */
export async function codeOf(work: () => unknown, token?: string): Promise<string> {
  try {
    await work();
  } catch (error) {
    assert.ok(error instanceof PortcullisError, `not an error of ours: ${error}`);
    for (const part of token?.split(".") ?? []) {
      const said: string = `${error.message} ${error.detail} ${error.stack} ${error.cause}`;
      assert.ok(part.length < 8 || !said.includes(part), "the error carries a part of the token");
    }
    return error.code;
  }
  return "accepted";
}
