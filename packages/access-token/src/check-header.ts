/**
 * What a token's header must be, before its signature is looked at. The header is not authenticated yet and
 * chooses nothing: it can only fail. `jwk`, `jku`, `x5u` and `x5c` are never read and nothing is fetched for
 * them; keys come from the configured issuer alone (RFC 8725, sections 3.1 and 3.10).
 */

import type { JsonObject } from "@portcullis/protocol";
import { ALGORITHMS, type Algorithm } from "./algorithms.ts";
import type { TokenHeader } from "./claims.ts";
import { type AccessTokenErrorCode, accessTokenError } from "./errors.ts";
import { MAX_KID_LENGTH } from "./import-key.ts";

export interface HeaderExpectations {
  /** `typ` in lower case, without `application/`. */
  readonly type: string;
  readonly algorithms: ReadonlySet<string>;
}

export interface CheckedHeader extends TokenHeader {
  readonly alg: Algorithm;
}

type Check = (header: JsonObject, expected: HeaderExpectations) => boolean;

const HEADER_CHECKS: readonly (readonly [what: string, code: AccessTokenErrorCode, passes: Check])[] = [
  ["alg is accepted here", "unsupported_algorithm", isAcceptedAlgorithm],
  ["typ is the expected one", "wrong_type", hasExpectedType],
  ["no crit: no extension is understood", "unsupported_header", (header) => header.crit === undefined],
  ["no b64: the payload is encoded", "unsupported_header", (header) => header.b64 === undefined],
  ["no enc: it is not encrypted", "unsupported_header", (header) => header.enc === undefined],
  ["no zip: it is not compressed", "unsupported_header", (header) => header.zip === undefined],
  ["no cty: no token is nested in it", "unsupported_header", (header) => header.cty === undefined],
  ["kid is a short text", "malformed_token", hasShortKid],
];

export function checkHeader(header: JsonObject, expected: HeaderExpectations): CheckedHeader {
  for (const [what, code, passes] of HEADER_CHECKS) {
    if (!passes(header, expected)) throw accessTokenError(code, { detail: `header: not so: ${what}` });
  }
  const { alg, kid, typ } = header as unknown as CheckedHeader;
  return Object.freeze({ alg, kid, typ });
}

function isAcceptedAlgorithm({ alg }: JsonObject, { algorithms }: HeaderExpectations): boolean {
  return typeof alg === "string" && Object.hasOwn(ALGORITHMS, alg) && algorithms.has(alg);
}

/** `application/` may be left out, and media types do not regard case (RFC 7515, section 4.1.9). */
function hasExpectedType({ typ }: JsonObject, { type }: HeaderExpectations): boolean {
  if (typeof typ !== "string") return false;
  if (typ === type) return true;
  const lower = typ.toLowerCase();
  return lower === type || lower === `application/${type}`;
}

function hasShortKid({ kid }: JsonObject): boolean {
  return typeof kid === "string" && kid.length > 0 && kid.length <= MAX_KID_LENGTH;
}
