import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign, verify } from "node:crypto";
import { localKeySource } from "@portcullis/access-token";
import { createGuard, type Guard } from "@portcullis/guard";
import { encodeOpaqueToken, encodeRecords, type RevocationRecord, type Scope } from "@portcullis/protocol";
import { createKeySpace, RevocationIndex, type RevocationView } from "@portcullis/revocation";
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";

export const TOKENS = 1000;
export const LIVE_SESSIONS = 1_000_000;
const BANNED_USERS = 1000;
const ISSUER = "https://id.example";
const AUDIENCE = "https://orders.example";
const LIFETIME_SECONDS = 3600;

export const ALGORITHMS = ["ES256", "EdDSA", "RS256"] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** Does `count` checks, and throws when one of them is not a success. */
export type Candidate = (count: number) => void | Promise<void>;

export interface Scenario {
  readonly candidates: Readonly<Record<CandidateName, Candidate>>;
}
export type CandidateName = "makeHeader" | "seen" | "opaque" | "firstSeen" | "bareVerify" | "jose";

/** The index as a replica holds it, always fresh: only the guard's own work is measured. */
export function revocationsOf(): RevocationView {
  const keys = createKeySpace(randomBytes(32));
  const index = new RevocationIndex({
    tokenLifetimeSeconds: LIFETIME_SECONDS,
    clockSkewSeconds: 30,
  });
  let seq = 0;
  const record = (scope: Scope, key: Uint8Array): RevocationRecord => {
    const revokedAt = Math.floor(Date.now() / 1000);
    return { seq: ++seq, scope, mode: "kill", reason: "kicked", key, revokedAt, expiresAt: revokedAt + 3630 };
  };
  for (let left = LIVE_SESSIONS; left > 0; left -= 1000) {
    index.applyEncoded(encodeRecords(Array.from({ length: 1000 }, () => record("session", randomBytes(16)))));
  }
  for (let user = 0; user < BANNED_USERS; user++) {
    index.apply(record("subject", keys.keyOf("subject", `banned-${user}`)));
  }
  return {
    coordinatesOf: keys.coordinatesOf,
    verdict: (at) => index.verdict(at),
    freshness: () => ({ ready: true, ageMs: 0 }),
    leaseMs: 5000,
  };
}

export function scenarioOf(algorithm: Algorithm, revocations: RevocationView): Scenario {
  const { privateKey, publicKey } = keyPairOf(algorithm);
  const jwk = { ...publicKey.export({ format: "jwk" }), kid: "key-1", alg: algorithm, use: "sig" };
  const tokens = Array.from({ length: TOKENS }, () => mint(algorithm, privateKey));
  const headers = tokens.map((token) => Buffer.from(`Bearer ${token}`, "latin1"));
  const keys = localKeySource({ keys: [jwk] });
  const guard = createGuard({ issuer: ISSUER, audience: AUDIENCE, keys, revocations });
  // The tokens come in turn, so that each was dropped by half as many others before it comes again.
  const forgetful = createGuard({
    issuer: ISSUER,
    audience: AUDIENCE,
    keys,
    revocations,
    cacheEntries: TOKENS / 2,
  });

  return {
    candidates: {
      makeHeader: (count) => makeHeaders(headers, count),
      seen: (count) => authenticate(guard, headers, count),
      opaque: opaqueTokens(keys, revocations),
      firstSeen: (count) => authenticate(forgetful, headers, count),
      bareVerify: bareVerifier(algorithm, publicKey, tokens),
      jose: joseVerifier(algorithm, jwk, headers),
    },
  };
}

/** Tokens that the issuer was asked about before. Its answers are kept for as long as it runs: what a question costs is no work of the guard's. */
function opaqueTokens(keys: ReturnType<typeof localKeySource>, revocations: RevocationView): Candidate {
  const guard = createGuard({
    issuer: ISSUER,
    audience: AUDIENCE,
    keys,
    revocations,
    introspect: async () => ({ claims: answer(), introspects: "any" }),
    clock: { wallMs: () => Date.now(), monotonicMs: () => 0 },
  });
  const headers = Array.from({ length: TOKENS }, () =>
    Buffer.from(`Bearer ${encodeOpaqueToken("key", randomBytes(32))}`, "latin1"),
  );
  return async (count) => {
    for (const header of headers) await guard.authenticate(header.toString("latin1"));
    authenticate(guard, headers, count);
  };
}

function answer() {
  const now = Math.floor(Date.now() / 1000);
  const id = () => randomBytes(16).toString("base64url");
  return {
    ...{
      active: true,
      token_type: "Bearer",
      iss: ISSUER,
      aud: [AUDIENCE],
      sub: "nightly",
      client_id: "nightly",
    },
    ...{ scope: "orders.read orders.write", iat: now, exp: now + LIFETIME_SECONDS, jti: id(), rv: 5_000_000 },
  };
}

function keyPairOf(algorithm: Algorithm): { privateKey: KeyObject; publicKey: KeyObject } {
  if (algorithm === "ES256") return generateKeyPairSync("ec", { namedCurve: "P-256" });
  if (algorithm === "EdDSA") return generateKeyPairSync("ed25519");
  return generateKeyPairSync("rsa", { modulusLength: 2048 });
}

function mint(algorithm: Algorithm, key: KeyObject): string {
  const now = Math.floor(Date.now() / 1000);
  const id = () => randomBytes(16).toString("base64url");
  const claims = {
    ...{ iss: ISSUER, aud: AUDIENCE, sub: id(), client_id: "web", scope: "orders.read orders.write" },
    ...{ iat: now, exp: now + LIFETIME_SECONDS, jti: id(), sid: id(), gid: id(), rv: 5_000_000 },
  };
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const signed = `${encode({ alg: algorithm, typ: "at+jwt", kid: "key-1" })}.${encode(claims)}`;
  const signature = sign(hashOf(algorithm), Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}

const hashOf = (algorithm: Algorithm): string | null => (algorithm === "EdDSA" ? null : "sha256");

/** As an HTTP parser makes it: a new string, whose hash V8 has not computed yet. */
const headerOf = (bytes: readonly Buffer[], at: number): string =>
  bytes[at % bytes.length]!.toString("latin1");

function makeHeaders(headers: readonly Buffer[], count: number): void {
  let length = 0;
  for (let at = 0; at < count; at++) length += headerOf(headers, at).length;
  if (length === 0) throw new Error("nothing was made");
}

function authenticate(guard: Guard, headers: readonly Buffer[], count: number): void {
  for (let at = 0; at < count; at++) {
    const decision = guard.authenticate(headerOf(headers, at));
    if (decision instanceof Promise || decision.outcome !== "allow") throw new Error("not allowed at once");
  }
}

function bareVerifier(algorithm: Algorithm, publicKey: KeyObject, tokens: readonly string[]): Candidate {
  const parts = tokens.map((token) => {
    const dot = token.lastIndexOf(".");
    return [Buffer.from(token.slice(0, dot)), Buffer.from(token.slice(dot + 1), "base64url")] as const;
  });
  const key = {
    key: createPublicKey(publicKey.export({ format: "pem", type: "spki" })),
    dsaEncoding: "ieee-p1363",
  } as const;
  return (count) => {
    for (let at = 0; at < count; at++) {
      const [signed, signature] = parts[at % parts.length]!;
      if (!verify(hashOf(algorithm), signed, key, signature)) throw new Error("does not verify");
    }
  };
}

function joseVerifier(algorithm: Algorithm, jwk: object, headers: readonly Buffer[]): Candidate {
  const keys = createLocalJWKSet({ keys: [jwk] } as JSONWebKeySet);
  const expected = { issuer: ISSUER, audience: AUDIENCE, typ: "at+jwt", algorithms: [algorithm] };
  const requiredClaims = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"];
  return async (count) => {
    for (let at = 0; at < count; at++) {
      await jwtVerify(headerOf(headers, at).slice("Bearer ".length), keys, { ...expected, requiredClaims });
    }
  };
}
