/** Claims that an API has in its access tokens about their user, beside those of every token. */
import { ATTRIBUTE_SOURCE } from "@portcullis/protocol";
import type { User } from "../people/users.ts";
import type { Api } from "./apis.ts";

/** Of one value, and of all claims of a token with their names: as JSON. */
const MAX_VALUE_BYTES = 512;
const MAX_BYTES = 2048;

type Scalar = string | number | boolean;
export type ClaimValue = Scalar | readonly Scalar[];

export interface UserClaims {
  readonly claims: Readonly<Record<string, ClaimValue>>;
  /** Those for which there is a value that no token may carry: too large, or neither a scalar nor a list of them. */
  readonly leftOut: readonly string[];
}

type Described = Pick<User, "username" | "name" | "email" | "attributes">;

/** What is not known of the user is left out. Claims take their room in the order of their names: the same ones at every issuing. */
export function userClaims({ claims: sources }: Pick<Api, "claims">, user: Described): UserClaims {
  const claims: Record<string, ClaimValue> = {};
  const leftOut: string[] = [];
  const known = { ...user, attributes: JSON.parse(user.attributes) as unknown };
  let room = MAX_BYTES;
  for (const claim of Object.keys(sources).toSorted()) {
    const value = describedBy(sources[claim]!, known);
    if (value === undefined || value === null) continue;
    const bytes = sizeOf(claim) + sizeOf(value);
    if (isClaimValue(value) && bytes <= room) {
      claims[claim] = value;
      room -= bytes;
    } else leftOut.push(claim);
  }
  return { claims, leftOut };
}

function describedBy(source: string, user: Omit<Described, "attributes"> & { attributes: unknown }): unknown {
  if (source === "username" || source === "name" || source === "email") return user[source];
  if (!source.startsWith(ATTRIBUTE_SOURCE)) return undefined;
  return source.slice(ATTRIBUTE_SOURCE.length).split(".").reduce(memberOf, user.attributes);
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value) && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;

const isClaimValue = (value: unknown): value is ClaimValue =>
  (isScalar(value) || (Array.isArray(value) && value.every(isScalar))) && sizeOf(value) <= MAX_VALUE_BYTES;

const isScalar = (value: unknown): value is Scalar => ["string", "number", "boolean"].includes(typeof value);

const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
