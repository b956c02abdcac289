import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { encodeIdentifier, type RevocableClaims, type Scope, userinfoAudienceOf } from "@portcullis/protocol";
import type { RevocationKey } from "@portcullis/revocation";
import { LIFETIME_SECONDS } from "./server/data-file.ts";
import type { SeededRandom } from "./world/seeded-random.ts";

export const ISSUER = "https://issuer.example";
export const AUDIENCE = "https://api.example";
/** That some tokens are for beside it. */
/** What a token may be for besides, and nothing else. */
const USERINFO = userinfoAudienceOf(ISSUER);

/** Not a secret: a fixed seed, so that a run's tokens are the same every time. */
const PRIVATE_KEY = createPrivateKey({
  key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.alloc(32, 7)]),
  format: "der",
  type: "pkcs8",
});
const KEY = { kid: "simulated", alg: "EdDSA", use: "sig" };
export const PUBLIC_KEYS = {
  keys: [{ ...createPublicKey(PRIVATE_KEY).export({ format: "jwk" }), ...KEY }],
};

export interface TokenClaims extends RevocableClaims {
  readonly jti: string;
  readonly sub: string;
  readonly client_id: string;
  readonly rv: number;
  readonly sid: string;
  readonly gid: string;
  readonly org: string;
  readonly aud: string | readonly string[];
}

export const audiencesOf = ({ aud }: TokenClaims): readonly string[] => [aud].flat();

/** A token, and what the log has said of it so far. */
export interface IssuedToken {
  readonly text: string;
  readonly claims: TokenClaims;
  /** Seqs from which it is denied; Infinity until then. */
  killedFrom: number;
  staleFrom: number;
}

export interface Revoked {
  readonly scope: Scope;
  readonly mode: "kill" | "stale";
  readonly key: RevocationKey;
}

/** `rv` is the head of the log, which is read before anything else is looked at. */
export function issueToken(options: {
  readonly random: SeededRandom;
  readonly head: number;
  /** On the clock of whoever issues it. */
  readonly nowMs: number;
  /** A second token of a session that another one is of. */
  readonly sibling: TokenClaims | undefined;
}): IssuedToken {
  const { random, head, sibling } = options;
  const identifier = () => encodeIdentifier(random.bytes(16));
  const iat = Math.floor(options.nowMs / 1000);
  const claims: TokenClaims = {
    iss: ISSUER,
    aud: random.chance(0.3) ? [AUDIENCE, USERINFO] : AUDIENCE,
    iat,
    exp: iat + LIFETIME_SECONDS,
    jti: identifier(),
    rv: head,
    sub: sibling?.sub ?? random.pick(["ann", "bob", "eve"]),
    client_id: random.pick(["shop", "bank"]),
    org: sibling?.org ?? random.pick(["north", "south"]),
    sid: sibling?.sid ?? identifier(),
    gid: identifier(),
  };
  return { text: signed(claims), claims, killedFrom: Infinity, staleFrom: Infinity };
}

function signed(claims: TokenClaims): string {
  const header = { alg: KEY.alg, kid: KEY.kid, typ: "at+jwt" };
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const body = `${encode(header)}.${encode(claims)}`;
  return `${body}.${sign(null, Buffer.from(body), PRIVATE_KEY).toString("base64url")}`;
}

/** What docs/reference/revocations.md says a revocation covers, in the plainest words. */
export function covers({ scope, mode, key }: Revoked, seq: number, claims: TokenClaims): boolean {
  if (!names(scope, key, claims)) return false;
  const isMembership = mode === "kill" && (scope === "token" || scope === "session" || scope === "grant");
  return isMembership || claims.rv < seq;
}

function names(scope: Scope, key: RevocationKey, claims: TokenClaims): boolean {
  if (scope === "issuer") return true;
  if (typeof key === "object") {
    if (key.subject !== claims.sub) return false;
    if ("client" in key) return key.client === claims.client_id;
    if ("audience" in key) return audiencesOf(claims).includes(key.audience);
    return key.organization === claims.org;
  }
  if (scope === "audience") return key !== undefined && audiencesOf(claims).includes(key);
  const named: Partial<Record<Scope, string>> = {
    token: claims.jti,
    session: claims.sid,
    grant: claims.gid,
    subject: claims.sub,
    client: claims.client_id,
    organization: claims.org,
  };
  return named[scope] === key;
}
