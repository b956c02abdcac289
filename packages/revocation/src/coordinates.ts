import { createHmac, createSecretKey, type KeyObject } from "node:crypto";
import {
  decodeIdentifier,
  IDENTIFIER_BYTES,
  type RevocableClaims,
  SCOPE_CODES,
  type Scope,
} from "@portcullis/protocol";
import { revocationError } from "./errors.ts";

/** What a revocation names: a text, a pair for `subject-client`, nothing for `issuer`. */
export type RevocationKey = string | { readonly subject: string; readonly client: string } | undefined;

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
   * feed carries no personal data.
   */
  keyOf(scope: Scope, key: RevocationKey): Uint8Array;
  coordinatesOf(claims: RevocableClaims, header: { readonly kid?: string }): TokenCoordinates;
}

const IDENTIFIER_SCOPES: ReadonlySet<Scope> = new Set(["token", "session", "grant"]);
/** Scopes whose texts repeat from token to token. Subjects do not: they would only wash the map out. */
const REPEATING_SCOPES: ReadonlySet<Scope> = new Set(["client", "audience", "organization", "key", "issuer"]);
const REPEATING_LIMIT = 1024;

export function createKeySpace(hashKey: Uint8Array): KeySpace {
  const secret = createSecretKey(hashKey);
  const repeating = new Map<string, Uint8Array>();

  function hashOf(scope: Scope, texts: readonly string[]): Uint8Array {
    // JSON keeps the parts apart: ["a","bc"] and ["ab","c"] must never hash alike.
    const message = JSON.stringify([scope, ...texts]);
    if (!REPEATING_SCOPES.has(scope)) return hash(secret, message);
    let found = repeating.get(message);
    if (found === undefined) {
      found = hash(secret, message);
      if (repeating.size >= REPEATING_LIMIT) repeating.clear();
      repeating.set(message, found);
    }
    return found;
  }

  function shared(scope: Scope, key: RevocationKey): Uint8Array {
    const identifier =
      typeof key === "string" && IDENTIFIER_SCOPES.has(scope) ? decodeIdentifier(key) : undefined;
    return identifier ?? hashOf(scope, textsOf(scope, key));
  }

  const keySpace: KeySpace = {
    // A copy: what repeats is shared, and a caller may write into what it is given.
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

function textsOf(scope: Scope, key: RevocationKey): readonly string[] {
  if (scope === "issuer" && key === undefined) return [];
  if (scope === "subject-client" && typeof key === "object") return [key.subject, key.client];
  if (scope !== "issuer" && scope !== "subject-client" && typeof key === "string") return [key];
  throw revocationError("malformed_key", {
    text: `A revocation of scope ${scope} takes ${KEY_SHAPES[scope] ?? "a text"} as its key.`,
  });
}

const KEY_SHAPES: Partial<Record<Scope, string>> = {
  issuer: "nothing",
  "subject-client": "a subject and a client",
};

/** A horizon that is no seq is read as 0, which every cutoff denies. */
function horizonOf(claims: RevocableClaims): number {
  if (claims.rv === undefined) return NO_HORIZON;
  return Number.isSafeInteger(claims.rv) && claims.rv >= 0 ? claims.rv : 0;
}

/** The most specific scope comes first: it is the one that a denial names. */
function placesOf(
  claims: RevocableClaims,
  header: { readonly kid?: string },
  keyFor: (scope: Scope, key: RevocationKey) => Uint8Array,
): number[] {
  const places: number[] = [];
  const add = (scope: Scope, key: RevocationKey) =>
    places.push(SCOPE_CODES[scope], ...words(keyFor(scope, key)));
  const addText = (scope: Scope, text: unknown) => typeof text === "string" && add(scope, text);
  const { sub, client_id: client } = claims;

  addText("token", claims.jti);
  addText("session", claims.sid);
  addText("grant", claims.gid);
  addText("dpop-key", claims.cnf?.jkt);
  addText("key", header.kid);
  if (typeof sub === "string" && typeof client === "string") add("subject-client", { subject: sub, client });
  addText("subject", sub);
  addText("client", client);
  for (const audience of Array.isArray(claims.aud) ? claims.aud : [claims.aud]) addText("audience", audience);
  addText("organization", claims.org);
  add("issuer", undefined);
  return places;
}

function scopesOf(places: readonly number[]): number {
  let scopes = 0;
  for (let place = 0; place < places.length; place += PLACE_STRIDE) scopes |= 1 << places[place]!;
  return scopes;
}

function words(key: Uint8Array): number[] {
  const view = new DataView(key.buffer, key.byteOffset, IDENTIFIER_BYTES);
  return [view.getInt32(0), view.getInt32(4), view.getInt32(8), view.getInt32(12)];
}
