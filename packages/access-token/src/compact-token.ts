/**
 * The compact form of a signed JWT, in its one canonical spelling. Libraries accept padding, white space,
 * either alphabet and any value of a last character's unused bits, so that one token has a score of
 * spellings that all verify. Here there is one, and it is checked before anything is verified: what does
 * not spell its own bytes exactly is `malformed_token`.
 */
import { Buffer, isUtf8 } from "node:buffer";
import { type JsonObject, parseStrictObject } from "@portcullis/protocol";
import { accessTokenError } from "./errors.ts";

export interface CompactToken {
  /** Encoded header, as it stands in the token. */
  readonly encodedHeader: string;
  readonly payload: Buffer;
  readonly signature: Uint8Array;
  /** The bytes that are signed: header, dot, payload. */
  readonly signed: Uint8Array;
}

export function splitCompactToken(token: string, maxLength: number): CompactToken {
  if (token.length > maxLength) {
    throw accessTokenError("token_too_long", { detail: `${token.length} characters; at most ${maxLength}` });
  }
  const firstDot = token.indexOf(".");
  const lastDot = token.lastIndexOf(".");
  if (firstDot < 1 || token.indexOf(".", firstDot + 1) !== lastDot || lastDot === firstDot) {
    throw accessTokenError("malformed_token", { detail: "not three parts" });
  }
  return {
    encodedHeader: token.slice(0, firstDot),
    payload: decodeCanonical(token.slice(firstDot + 1, lastDot), "payload"),
    signature: decodeCanonical(token.slice(lastDot + 1), "signature"),
    signed: Buffer.from(token.slice(0, lastDot), "latin1"),
  };
}

export function readHeader({ encodedHeader }: CompactToken): JsonObject {
  return readObject(decodeCanonical(encodedHeader, "header"), "header");
}

/** Returns the claims, of a token whose signature has verified: nobody else's JSON is worth reading. */
export function readPayload({ payload }: CompactToken): JsonObject {
  return readObject(payload, "payload");
}

function readObject(bytes: Buffer, part: "header" | "payload"): JsonObject {
  const value = isUtf8(bytes) ? parseStrictObject(bytes.toString("utf8")) : undefined;
  if (value === undefined) {
    throw accessTokenError("malformed_token", { detail: `the ${part} is not one unambiguous JSON object` });
  }
  return value;
}

/** Returns the bytes of the canonical spelling. Node's decoder accepts every one; encoding again tells them apart. */
function decodeCanonical(encoded: string, part: string): Buffer {
  const bytes = Buffer.from(encoded, "base64url");
  if (encoded.length === 0 || bytes.toString("base64url") !== encoded) {
    throw accessTokenError("malformed_token", { detail: `the ${part} is not canonical base64url` });
  }
  return bytes;
}
