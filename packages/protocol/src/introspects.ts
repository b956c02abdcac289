/**
 * Header of an introspection answer (RFC 7662): for which APIs the client that asks may learn of tokens. It says nothing of the token. Without
 * it a verifier could not tell "this token is dead" from "you may not ask about it", since both are answered `active: false`; and it would
 * refuse good tokens with 401 because of a line that its operator forgot.
 */
export const INTROSPECTS_HEADER = "portcullis-introspects";

/** Every API, or these. */
export type IntrospectableApis = "any" | readonly string[];

const ANY = "any";
const NONE = "none";
const LONGEST = 4096;

/** Returns the header's value; undefined for more than a header can carry, which tells a verifier nothing. */
export function formatIntrospects(apis: IntrospectableApis): string | undefined {
  if (apis === ANY) return ANY;
  const value = apis.length === 0 ? NONE : apis.join(" ");
  return value.length <= LONGEST && /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/.test(value) ? value : undefined;
}

/** Returns what the header says; undefined where there is none, as at an issuer that is not ours. */
export function parseIntrospects(value: string | null): IntrospectableApis | undefined {
  if (value === null || value === "") return undefined;
  if (value === ANY) return ANY;
  return value === NONE ? [] : value.split(" ");
}
