/**
 * The other spellings of one signed JWT. Somewhere there is a library that accepts each of them, so that a
 * denylist or cache keyed on the text, or on its hash, is walked around by choosing another one.
 */
export interface Spelling {
  readonly name: string;
  /** What stands in the place of the token. */
  readonly token: string;
  /**
   * Whether it carries the same, valid, signature in another form, so that no verifier can tell: it must then
   * be treated as the same token. All others must be refused.
   */
  readonly verifies: boolean;
}

const PARTS = ["header", "payload", "signature"] as const;
const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

export function spellingsOf(jwt: string): readonly Spelling[] {
  const parts = jwt.split(".");
  const refused = [...respelledParts(parts), ...reframed(jwt, parts)].map(([name, token]) => ({
    name,
    token,
    verifies: false,
  }));
  return [...refused, ...ecdsaTwin(parts)].filter(({ token }) => token !== jwt);
}

type Named = readonly [name: string, token: string];

/** Each part in another spelling of the same bytes. */
function respelledParts(parts: readonly string[]): Named[] {
  return PARTS.flatMap((part, index) => {
    const text = parts[index]!;
    const put = (other: string) => parts.with(index, other).join(".");
    const respelled: Named[] = [
      [`padding at the end of the ${part}`, put(padded(text))],
      [`one "=" too many at the end of the ${part}`, put(`${text}=`)],
      [`a space at the end of the ${part}`, put(`${text} `)],
      [`a line break within the ${part}`, put(`${text.slice(0, 4)}\n${text.slice(4)}`)],
      [`a character outside of the alphabet within the ${part}`, put(`${text.slice(0, 4)}!${text.slice(4)}`)],
      [`the standard alphabet in the ${part}`, put(text.replaceAll("-", "+").replaceAll("_", "/"))],
    ];
    for (const other of otherLastCharacters(text)) {
      respelled.push([`unused bits set in the last character "${other.at(-1)}" of the ${part}`, put(other)]);
    }
    return respelled;
  });
}

const padded = (text: string): string => text.padEnd(Math.ceil(text.length / 4) * 4, "=");

/** 2 or 4 bits of the last character are in no byte when the length is not a multiple of 4. */
function otherLastCharacters(text: string): string[] {
  const unused = { 2: 4, 3: 2 }[text.length % 4] ?? 0;
  const last = BASE64URL.indexOf(text.at(-1)!);
  const others = Array.from({ length: (1 << unused) - 1 }, (_, index) => last ^ (index + 1));
  return others.map((value) => text.slice(0, -1) + BASE64URL[value]);
}

/** The same parts in another frame. */
function reframed(jwt: string, [header, payload, signature]: readonly string[]): Named[] {
  return [
    ["a space in front", ` ${jwt}`],
    ["a tab in front", `\t${jwt}`],
    ["a space behind", `${jwt} `],
    ["a line break behind", `${jwt}\r\n`],
    ["a NUL behind", `${jwt}\0`],
    ["a byte order mark in front", `\ufeff${jwt}`],
    ["a dot behind", `${jwt}.`],
    ["a dot in front", `.${jwt}`],
    ["a doubled first dot", `${header}..${payload}.${signature}`],
    ["a doubled second dot", `${header}.${payload}..${signature}`],
    ["a fourth part", `${jwt}.${signature}`],
    ["a fragment behind", `${jwt}#x`],
    ["a parameter behind", `${jwt};x=y`],
    ["quotes around", `"${jwt}"`],
    ["a comma and the token again", `${jwt}, ${jwt}`],
    ["percent-encoded dots", jwt.replaceAll(".", "%2E")],
    ["fullwidth dots", jwt.replaceAll(".", "\uff0e")],
    ["all in upper case", jwt.toUpperCase()],
    ["all in lower case", jwt.toLowerCase()],
  ];
}

/** Order of P-256. For each signature (r, s), (r, n - s) verifies too: ECDSA cannot tell them apart. */
const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

function ecdsaTwin(parts: readonly string[]): Spelling[] {
  const header: unknown = JSON.parse(Buffer.from(parts[0]!, "base64url").toString());
  if (typeof header !== "object" || header === null || !("alg" in header) || header.alg !== "ES256")
    return [];
  const signature = Buffer.from(parts[2]!, "base64url");
  const s = BigInt(`0x${signature.subarray(32).toString("hex")}`);
  const twin = Buffer.from((P256_ORDER - s).toString(16).padStart(64, "0"), "hex");
  const token = parts
    .with(2, Buffer.concat([signature.subarray(0, 32), twin]).toString("base64url"))
    .join(".");
  return [{ name: "n - s in place of s", token, verifies: true }];
}
