/**
 * From a text to a header and a payload that the issuer has signed. Shared by every kind of token; what the
 * claims must say is the business of each kind. Synchronous when the key is known.
 */
import type { KeyObject } from "node:crypto";
import { type JsonObject, MAX_TOKEN_LENGTH } from "@portcullis/protocol";
import {
  ALGORITHM_NAMES,
  ALGORITHMS,
  type Algorithm,
  type FittingKey,
  fittingKey,
  signatureVerifies,
} from "./algorithms.ts";
import { type CheckedHeader, checkHeader, type HeaderExpectations } from "./check-header.ts";
import { type CompactToken, readHeader, readPayload, splitCompactToken } from "./compact-token.ts";
import { accessTokenError } from "./errors.ts";
import type { KeySource } from "./key-source.ts";

export interface SignedJwt {
  readonly header: CheckedHeader;
  readonly payload: JsonObject;
}

interface SignedJwtOptions {
  /** `typ`, in lower case. */
  readonly type: string;
  readonly keys: KeySource;
  readonly algorithms?: readonly Algorithm[] | undefined;
  readonly maxTokenLength?: number | undefined;
}

export function signedJwtReader(
  options: SignedJwtOptions,
): (token: string) => SignedJwt | Promise<SignedJwt> {
  const { keys, maxTokenLength = MAX_TOKEN_LENGTH } = options;
  const expected = { type: options.type, algorithms: acceptedAlgorithms(options.algorithms) };
  const headers = new KnownHeaders(expected);
  let fitting: FittingKey | undefined;
  return (token) => {
    if (typeof token !== "string") throw accessTokenError("malformed_token", { detail: "not a text" });
    const compact = splitCompactToken(token, maxTokenLength);
    const header = headers.check(compact);
    const key = keys.keyFor(header);
    return key instanceof Promise
      ? key.then((found) => verified(compact, header, found))
      : verified(compact, header, key);

    function verified(parts: CompactToken, checked: CheckedHeader, found: KeyObject): SignedJwt {
      // An issuer signs with one key at a time: the last one is nearly always the next one too.
      if (fitting?.key !== found || fitting.algorithm !== checked.alg)
        fitting = fittingKey(found, checked.alg);
      if (!signatureVerifies(fitting, parts.signed, parts.signature)) {
        throw accessTokenError("bad_signature");
      }
      headers.remember(parts, checked);
      return { header: checked, payload: readPayload(parts) };
    }
  };
}

function acceptedAlgorithms(algorithms: readonly Algorithm[] = ALGORITHM_NAMES): ReadonlySet<string> {
  const unknown = algorithms.filter((name) => !Object.hasOwn(ALGORITHMS, name));
  if (unknown.length > 0 || algorithms.length === 0) {
    throw accessTokenError("invalid_configuration", {
      text: `algorithms: found ${JSON.stringify(algorithms)}; give one or more of ${ALGORITHM_NAMES.join(", ")}.`,
    });
  }
  return new Set(algorithms);
}

/**
 * An issuer's tokens all have the same few headers. One that was checked and whose token verified is known by
 * its encoded form, so only an issuer can put one here; a few are kept.
 */
class KnownHeaders {
  readonly #expected: HeaderExpectations;
  readonly #known = new Map<string, CheckedHeader>();

  constructor(expected: HeaderExpectations) {
    this.#expected = expected;
  }

  check(compact: CompactToken): CheckedHeader {
    return this.#known.get(compact.encodedHeader) ?? checkHeader(readHeader(compact), this.#expected);
  }

  remember({ encodedHeader }: CompactToken, header: CheckedHeader): void {
    if (this.#known.has(encodedHeader)) return;
    if (this.#known.size >= 32) this.#known.clear();
    this.#known.set(encodedHeader, header);
  }
}
