/** Checks that the claims of more than one kind of token share. */

import type { JsonObject } from "@portcullis/protocol";
import { accessTokenError } from "./errors.ts";

/** The index keeps seconds as u32; a time outside is no date that an issuer means. */
const MAX_SECONDS = 0xffff_ffff;
/** A revocation names at most this many characters: a longer subject could never be revoked. */
const MAX_TEXT_LENGTH = 512;

export interface TimeClaims {
  readonly exp: number;
  readonly iat: number;
  readonly nbf?: number;
}

export function isText(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= MAX_TEXT_LENGTH;
}

/**
 * Returns whether it is whole seconds. RFC 7519 allows fractions; nobody sends them, and they have no place in the index.
 */
export function isSeconds(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) <= MAX_SECONDS;
}

export function isSeq(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function isAudience(value: unknown): value is string | readonly string[] {
  return isText(value) || (Array.isArray(value) && value.length > 0 && value.every(isText));
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export type ClaimShapes = Readonly<Record<string, (value: unknown) => boolean>>;

export function requireClaims(claims: JsonObject, required: ClaimShapes): void {
  for (const name in required) {
    if (claims[name] === undefined)
      throw accessTokenError("missing_claim", { text: `The token lacks ${name}.` });
    requireShape(claims, name, required);
  }
}

/**
 * An optional claim of a wrong shape is refused, not left out: a `sid` that is a number would otherwise make
 * a token that no revocation of its session reaches.
 */
export function checkOptionalClaims(claims: JsonObject, optional: ClaimShapes): void {
  for (const name in optional) if (claims[name] !== undefined) requireShape(claims, name, optional);
}

function requireShape(claims: JsonObject, name: string, shapes: ClaimShapes): void {
  if (!shapes[name]!(claims[name])) {
    throw accessTokenError("malformed_claims", {
      text: `The token's ${name} has a value that it cannot have.`,
    });
  }
}

/** Throws `expired_token` or `not_yet_valid`. Run for every use of a token, remembered or not. */
export function checkTimes({ exp, iat, nbf }: TimeClaims, nowSeconds: number, skewSeconds: number): void {
  // Written so that a clock that is not a number refuses.
  if (!(nowSeconds < exp + skewSeconds)) throw accessTokenError("expired_token");
  if (!(iat <= nowSeconds + skewSeconds)) throw accessTokenError("not_yet_valid", { detail: "iat" });
  if (nbf !== undefined && !(nbf <= nowSeconds + skewSeconds)) {
    throw accessTokenError("not_yet_valid", { detail: "nbf" });
  }
}

export function audienceList(aud: string | readonly string[]): readonly string[] {
  return typeof aud === "string" ? [aud] : aud;
}

export function scopesOf(scope: string | undefined): ReadonlySet<string> {
  const scopes = new FrozenSet();
  for (const name of (scope ?? "").split(" ")) if (name !== "") Set.prototype.add.call(scopes, name);
  return scopes;
}

/**
 * Every request with one token sees the same set: a handler that added a scope to it would grant it to all.
 * Object.freeze does not hold for what a Set contains.
 */
class FrozenSet extends Set<string> {
  override add(): this {
    return refuseChange();
  }
  override delete(): boolean {
    return refuseChange();
  }
  override clear(): void {
    refuseChange();
  }
}

function refuseChange(): never {
  throw new TypeError("The scopes of a verified token cannot be changed.");
}
