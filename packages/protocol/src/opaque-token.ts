/**
 * Tokens for scripts: personal tokens (`pcl_pat_...`, of a user) and API keys (`pcl_key_...`, of an app). Such a token says nothing by
 * itself: a verifier learns what it is from the issuer, by introspection (RFC 7662).
 *
 *     pcl_pat_<43 characters>_<6 characters>
 *
 * The 43 are 256 random bits, the 6 the CRC-32 of all that stands before their `_`; both base62, so that a double click takes the whole and
 * no shell or URL needs it quoted. The checksum proves nothing, since anybody can make one. It tells what was mistyped, cut or made up from what was
 * once issued, with no question asked of anybody: so a scanner for secrets reports few false ones, and a flood of nonsense reaches no database.
 */
import { z } from "zod";
import { REASONS } from "./reasons.ts";

export const OPAQUE_TOKEN_KINDS = ["personal", "key"] as const;
export type OpaqueTokenKind = (typeof OPAQUE_TOKEN_KINDS)[number];

/** What such a token begins with, whatever its kind. No JWT does: its first characters are those of an encoded `{`. */
export const OPAQUE_TOKEN_PREFIX = "pcl_";

const PREFIXES: Readonly<Record<OpaqueTokenKind, string>> = { personal: "pcl_pat_", key: "pcl_key_" };

export const OPAQUE_TOKEN_SECRET_BYTES = 32;
const SECRET_CHARACTERS = 43;
const CHECKSUM_CHARACTERS = 6;
export const OPAQUE_TOKEN_LENGTH = "pcl_pat_".length + SECRET_CHARACTERS + "_".length + CHECKSUM_CHARACTERS;

/** Source of the regular expression by which scanners for secrets find these tokens in any text: RE2, PCRE and ECMAScript read it alike. */
export const OPAQUE_TOKEN_PATTERN = "\\bpcl_(?:pat|key)_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}\\b";

const WHOLE_TOKEN = /^pcl_(pat|key)_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/;
const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Returns the text of a token. The secret is 32 bytes from a source that nobody can foresee. */
export function encodeOpaqueToken(kind: OpaqueTokenKind, secret: Uint8Array): string {
  if (secret.length !== OPAQUE_TOKEN_SECRET_BYTES) {
    throw new RangeError(`a token's secret has ${OPAQUE_TOKEN_SECRET_BYTES} bytes, not ${secret.length}`);
  }
  const text = PREFIXES[kind] + base62(numberOf(secret), SECRET_CHARACTERS);
  return `${text}_${checksumOf(text)}`;
}

/**
 * Returns of which kind the token is, or undefined when the text is none: its form or its checksum is wrong. A text with an answer may still be one
 * that nobody ever issued.
 */
export function opaqueTokenKind(text: string): OpaqueTokenKind | undefined {
  const kind = WHOLE_TOKEN.exec(text)?.[1];
  if (kind === undefined) return undefined;
  const end = text.length - CHECKSUM_CHARACTERS;
  if (text.slice(end) !== checksumOf(text.slice(0, end - 1))) return undefined;
  return kind === "pat" ? "personal" : "key";
}

/** Whether somebody means it as a token of this form, be it whole or not: then it is answered for here, and never tried as anything else. */
export const looksLikeOpaqueToken = (text: string): boolean => text.startsWith(OPAQUE_TOKEN_PREFIX);

const checksumOf = (text: string): string => base62(BigInt(crc32(text)), CHECKSUM_CHARACTERS);

function base62(value: bigint, characters: number): string {
  let text = "";
  for (let left = value; left > 0n; left /= 62n) text = ALPHABET[Number(left % 62n)]! + text;
  return text.padStart(characters, "0");
}

function numberOf(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

/** CRC-32 of ISO 3309, as zlib and PNG have it, over ASCII. Node's own is of 22.2 and later, and no browser has one. */
function crc32(text: string): number {
  let crc = 0xffffffff;
  for (let at = 0; at < text.length; at++) {
    crc ^= text.charCodeAt(at);
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/**
 * Header of a question about a token (`POST /introspect`): the address of whoever has used it, which its owner is shown as that of the last use.
 * A verifier may leave it out.
 */
export const CLIENT_ADDRESS_HEADER = "portcullis-client-address";

/** `client_id` of every personal token: it was issued to its owner, through no app. No app can have this client id. */
export const PERSONAL_TOKEN_CLIENT = "portcullis-personal-token";

/**
 * The issuer's answer about a token that lives. Its claims are judged like those of a JWT, against the log: `rv` is the head of the log from *before*
 * the token was looked up, so whatever has ended it, or its owner, since then has a greater seq and denies it.
 */
export const introspectedTokenSchema = z.object({
  active: z.literal(true),
  token_type: z.literal("Bearer"),
  iss: z.string(),
  sub: z
    .string()
    .describe("The user who owns a personal token; the client id of the app that owns an API key."),
  client_id: z
    .string()
    .describe("The app that owns an API key; `portcullis-personal-token` for a personal token."),
  username: z
    .string()
    .optional()
    .describe("What people call the user. Absent for an app, and for a user who has no username."),
  aud: z.array(z.string()).min(1).describe("Identifier of the API that it is for."),
  scope: z.string().describe("What was chosen, without what its owner may no more. It can be empty."),
  iat: z.int().nonnegative(),
  exp: z.int().nonnegative(),
  jti: z
    .string()
    .describe("By this it is listed and ended. It is not the token, and nobody can make the token of it."),
  rv: z.int().nonnegative().describe("Head of the log, from before the token was looked up."),
  name: z.string().optional().describe("What its owner calls it."),
  allowed_addresses: z
    .array(z.string())
    .min(1)
    .optional()
    .describe("CIDR ranges of the callers that may use it. Absent: all."),
});
export type IntrospectedToken = z.infer<typeof introspectedTokenSchema>;

/**
 * The answer about any other. `reason` is there when the token is one that has ended, and who asks may ask about it: so a caller learns of a token
 * that no verifier has in its cache what it would have learned of one that has.
 */
export const inactiveTokenSchema = z.object({
  active: z.literal(false),
  reason: z.enum(REASONS).optional(),
});
export type InactiveToken = z.infer<typeof inactiveTokenSchema>;

/** Answer of `POST /introspect` about a token of this form. */
export const introspectionSchema = z.discriminatedUnion("active", [
  introspectedTokenSchema,
  inactiveTokenSchema,
]);
