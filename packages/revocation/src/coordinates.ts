import { createHmac, createSecretKey, type KeyObject } from "node:crypto";
import {
  decodeIdentifier,
  IDENTIFIER_BYTES,
  isPairScope,
  otherHalfOf,
  PAIR_SCOPES,
  type PairKey,
  type PairScope,
  pairKeyOf,
  type RevocableClaims,
  SCOPE_CODES,
  SCOPES,
  type Scope,
} from "@portcullis/protocol";
import { revocationError } from "./errors.ts";

/** What a revocation names: a text, a pair for scopes that name two, nothing for `issuer`. */
export type RevocationKey = string | PairKey | undefined;

/**
 * Where a token is looked up in the index: computed once a token and kept beside it, so that a verdict does no
 * string work. Opaque to all but the index and the replica.
 */
export interface TokenCoordinates {
  /** Five numbers a place, the most specific scope first: scope code, then the key as four 32-bit words. */
  readonly places: readonly number[];
  /** Bit `scope code` for every scope that has a place. */
  readonly scopes: number;
  /** Whole seconds; finds the bucket of the token scope. */
  readonly expiresAt: number;
  readonly issuedAt: number;
  /** The claim `rv`; -1 when the token has none. */
  readonly horizon: number;
  /** What they were made of, to make them again when the hash key has changed. */
  readonly keySpace: KeySpace;
  readonly claims: RevocableClaims;
  readonly header: { readonly kid?: string };
}

/** Numbers a place takes in `TokenCoordinates.places`. */
export const PLACE_STRIDE = 5;
export const NO_HORIZON = -1;

/** Maps what a revocation names, and what a token claims, to the same 16 bytes. One per hash key. */
export interface KeySpace {
  /**
   * A canonical 128-bit identifier of scope token, session or grant is taken as it is; every other text is
   * HMAC-SHA256(hash key, scope and text), cut to 16 bytes, so that nobody can choose keys that collide and a
   * feed carries no names: it is pseudonymous. A pair is the XOR of its two hashes, each of which has its own scope in it, so
   * that no other pair joins to the same: a token seen for the first time then costs one HMAC for all its pairs, since its
   * client, API and organization are known.
   */
  keyOf(scope: Scope, key: RevocationKey): Uint8Array;
  coordinatesOf(claims: RevocableClaims, header: { readonly kid?: string }): TokenCoordinates;
}

const IDENTIFIER_SCOPES: ReadonlySet<Scope> = new Set(["token", "session", "grant"]);
/** Texts remembered a scope. Most repeat from token to token; subjects at least within the token. */
const REMEMBERED_TEXTS = 1024;

export function createKeySpace(hashKey: Uint8Array): KeySpace {
  const secret = createSecretKey(hashKey);
  const remembered = new Map<Scope, Map<string, Uint8Array>>(SCOPES.map((scope) => [scope, new Map()]));

  function hashOf(scope: Scope, text: string): Uint8Array {
    const known = remembered.get(scope)!;
    const found = known.get(text);
    if (found !== undefined) return found;
    const made = hash(secret, JSON.stringify([scope, text]));
    if (known.size >= REMEMBERED_TEXTS) known.clear();
    known.set(text, made);
    return made;
  }

  /** Returns bytes that are shared between calls: for reading only. */
  function shared(scope: Scope, key: RevocationKey): Uint8Array {
    if (scope === "issuer" && key === undefined) return hashOf(scope, "");
    if (isPairScope(scope)) return pairHash(scope, key);
    if (scope === "issuer" || typeof key !== "string") throw malformedKey(scope);
    return (IDENTIFIER_SCOPES.has(scope) ? decodeIdentifier(key) : undefined) ?? hashOf(scope, key);
  }

  function pairHash(scope: PairScope, key: RevocationKey): Uint8Array {
    const other = typeof key === "object" ? otherHalfOf(scope, key) : undefined;
    if (typeof key !== "object" || other === undefined) throw malformedKey(scope);
    return xor(hashOf("subject", key.subject), hashOf(PAIR_SCOPES[scope], other));
  }

  const keySpace: KeySpace = {
    keyOf: (scope, key) => shared(scope, key).slice(),
    coordinatesOf: (claims, header) => {
      const places = placesOf(claims, header, shared);
      return {
        places,
        scopes: scopesOf(places),
        expiresAt: Math.floor(claims.exp),
        issuedAt: typeof claims.iat === "number" ? claims.iat : Number.NEGATIVE_INFINITY,
        horizon: horizonOf(claims),
        keySpace,
        claims,
        header,
      };
    },
  };
  return keySpace;
}

function hash(secret: KeyObject, message: string): Uint8Array {
  return new Uint8Array(createHmac("sha256", secret).update(message).digest().subarray(0, IDENTIFIER_BYTES));
}

const xor = (left: Uint8Array, right: Uint8Array): Uint8Array => left.map((byte, at) => byte ^ right[at]!);

const malformedKey = (scope: Scope) =>
  revocationError("malformed_key", {
    text: `A revocation of scope ${scope} takes ${KEY_SHAPES[scope] ?? "a text"} as its key.`,
  });

const KEY_SHAPES: Partial<Record<Scope, string>> = {
  issuer: "nothing",
  "subject-client": "a subject and a client",
  "subject-audience": "a subject and an audience",
  "subject-organization": "a subject and an organization",
};

/** Returns the horizon; one that is no seq is read as 0, which every cutoff denies. */
function horizonOf(claims: RevocableClaims): number {
  if (claims.rv === undefined) return NO_HORIZON;
  return Number.isSafeInteger(claims.rv) && claims.rv >= 0 ? claims.rv : 0;
}

/**
 * The most specific scope comes first: it is the one that a denial names. A token for several APIs has a place for each of
 * them: it dies as a whole with one of them.
 */
function placesOf(
  claims: RevocableClaims,
  header: { readonly kid?: string },
  keyFor: (scope: Scope, key: RevocationKey) => Uint8Array,
): number[] {
  const places: number[] = [];
  const add = (scope: Scope, key: RevocationKey) => {
    const bytes = keyFor(scope, key);
    places.push(SCOPE_CODES[scope], word(bytes, 0), word(bytes, 4), word(bytes, 8), word(bytes, 12));
  };
  const addText = (scope: Scope, text: unknown) => typeof text === "string" && add(scope, text);
  const { sub, client_id: client, org } = claims;
  const addPair = (scope: PairScope, other: unknown) =>
    typeof sub === "string" && typeof other === "string" && add(scope, pairKeyOf(scope, sub, other));
  const audiences = Array.isArray(claims.aud) ? claims.aud : [claims.aud];

  addText("token", claims.jti);
  addText("session", claims.sid);
  addText("grant", claims.gid);
  addText("dpop-key", claims.cnf?.jkt);
  addText("key", header.kid);
  addPair("subject-client", client);
  for (const audience of audiences) addPair("subject-audience", audience);
  addPair("subject-organization", org);
  addText("subject", sub);
  addText("client", client);
  for (const audience of audiences) addText("audience", audience);
  addText("organization", org);
  add("issuer", undefined);
  return places;
}

function scopesOf(places: readonly number[]): number {
  let scopes = 0;
  for (let place = 0; place < places.length; place += PLACE_STRIDE) scopes |= 1 << places[place]!;
  return scopes;
}

/**
 * Returns a word, big-endian and signed, as the index holds it. Quicker than a DataView, which would have to be made first.
 */
function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}
