/** What the tests start from: an issuer's key, a clock that stands still, the real index, and a guard. */
import { localKeySource } from "@portcullis/access-token";
import { AUDIENCE, FrozenClock, generateSigningKey, newIdentifier, signJwt } from "@portcullis/testing";
import { createGuard, type GuardOptions } from "../src/index.ts";
import { KnownRevocations } from "./known-revocations.ts";

export const ISSUER = "https://id.example";
export const key = generateSigningKey("ES256", "key-1");

/** `tells: false` for a view that does not say when its verdicts change. */
export function guardedApi(options: Partial<GuardOptions> & { readonly tells?: boolean } = {}) {
  const clock = new FrozenClock();
  const revocations = new KnownRevocations(clock, options.tells);
  const guard = createGuard({
    issuer: ISSUER,
    audience: AUDIENCE,
    keys: localKeySource({ keys: [key.jwk] }),
    revocations,
    clock,
    ...options,
  });

  function mint(changes: object = {}, header: object = {}): string {
    const now = clock.seconds;
    const claims = {
      ...{ iss: ISSUER, aud: AUDIENCE, sub: "user-1", client_id: "web", scope: "orders.read", rv: 0 },
      ...{ iat: now, exp: now + 300, jti: newIdentifier(), sid: newIdentifier(), gid: newIdentifier() },
      ...changes,
    };
    return signJwt(key, { alg: key.alg, kid: key.kid, typ: "at+jwt", ...header }, claims);
  }
  const bearer = (changes?: object, header?: object) => `Bearer ${mint(changes, header)}`;
  return { clock, revocations, guard, mint, bearer };
}
