/** 128-bit identifiers (`jti`, `sid`, `gid`): 16 bytes, written as 22 characters of base64url. */

export const IDENTIFIER_BYTES = 16;
const IDENTIFIER_CHARACTERS = 22;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const VALUES = new Int8Array(128).fill(-1);
for (let value = 0; value < 64; value++) VALUES[ALPHABET.charCodeAt(value)] = value;

export function encodeIdentifier(bytes: Uint8Array): string {
  if (bytes.length !== IDENTIFIER_BYTES) {
    throw new RangeError(`an identifier has ${IDENTIFIER_BYTES} bytes, not ${bytes.length}`);
  }
  return encodeBase64url(bytes);
}

/**
 * The 16 bytes behind an identifier, or undefined when the text is not one in its only canonical
 * spelling: 22 characters, no padding, the four unused bits zero. Two spellings of one id would let a
 * revoked token through under the other.
 */
export function decodeIdentifier(text: string): Uint8Array | undefined {
  if (text.length !== IDENTIFIER_CHARACTERS) return undefined;
  return decodeBase64url(text);
}

export function encodeBase64url(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const group = (bytes[at]! << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    text += ALPHABET[group >>> 18]! + ALPHABET[(group >>> 12) & 63]!;
    if (left > 1) text += ALPHABET[(group >>> 6) & 63]!;
    if (left > 2) text += ALPHABET[group & 63]!;
  }
  return text;
}

/** Decodes canonical base64url only (RFC 4648, section 5, no padding, unused bits zero); otherwise undefined. */
export function decodeBase64url(text: string): Uint8Array | undefined {
  if (text.length % 4 === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let buffer = 0;
  let bits = 0;
  let out = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const value = code < 128 ? VALUES[code]! : -1;
    if (value < 0) return undefined;
    buffer = ((buffer << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[out++] = (buffer >>> bits) & 0xff;
    }
  }
  return (buffer & ((1 << bits) - 1)) === 0 ? bytes : undefined;
}
