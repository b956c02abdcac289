/**
 * The preface of the PROXY protocol (HAProxy, proxy-protocol.txt, versions 1 and 2), as far as it says who the client is.
 * Strict: only a configured proxy is asked for one, and what a proxy says wrongly is better cut than guessed.
 */
import { addressOfBytes, parseAddress } from "./address.ts";

type Preface =
  | { readonly state: "incomplete" }
  | { readonly state: "malformed" }
  /** Without a source the proxy speaks for itself (LOCAL, UNKNOWN): its health checks do. */
  | { readonly state: "complete"; readonly length: number; readonly source: string | undefined };

const INCOMPLETE: Preface = { state: "incomplete" };
const MALFORMED: Preface = { state: "malformed" };

const SIGNATURE_2 = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const SIGNATURE_1 = Buffer.from("PROXY ", "latin1");

export function parsePreface(bytes: Buffer): Preface {
  if (beginsLike(bytes, SIGNATURE_2)) return parseVersion2(bytes);
  if (beginsLike(bytes, SIGNATURE_1)) return parseVersion1(bytes);
  return MALFORMED;
}

const beginsLike = (bytes: Buffer, signature: Buffer): boolean => {
  const length = Math.min(bytes.length, signature.length);
  return bytes.subarray(0, length).equals(signature.subarray(0, length));
};

/** With its CRLF. */
const LONGEST_LINE = 107;
const LINE = /^PROXY (TCP4|TCP6) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/;

function parseVersion1(bytes: Buffer): Preface {
  const line = bytes.subarray(0, LONGEST_LINE);
  const end = line.indexOf("\r\n");
  if (end < 0) return bytes.length < LONGEST_LINE ? INCOMPLETE : MALFORMED;
  return parseLine(line.toString("latin1", 0, end), end + 2);
}

function parseLine(line: string, length: number): Preface {
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) return { state: "complete", length, source: undefined };
  const [, family, source = "", destination = "", ...ports] = LINE.exec(line) ?? [];
  const isOfFamily = (address: string) => address.includes(":") === (family === "TCP6");
  const parsed = parseAddress(source);
  const isSound =
    isOfFamily(source) && isOfFamily(destination) && ports.every((port) => Number(port) <= 0xffff);
  if (parsed === undefined || !isSound || parseAddress(destination) === undefined) return MALFORMED;
  return { state: "complete", length, source: parsed };
}

const HEADER_LENGTH = 16;
/** Addresses and extensions; the specification asks receivers for 520, and load balancers send a few dozen bytes. */
const LONGEST_BODY = 4096;
const LOCAL = 0x20;
const PROXY = 0x21;
/** Family and transport to the length of an address: TCP over IPv4 and IPv6. */
const ADDRESS_LENGTHS: ReadonlyMap<number, number> = new Map([
  [0x11, 4],
  [0x21, 16],
]);
const UNSPECIFIED = 0x00;
const PORT_LENGTH = 2;

function parseVersion2(bytes: Buffer): Preface {
  if (bytes.length < HEADER_LENGTH) return INCOMPLETE;
  const bodyLength = bytes.readUInt16BE(14);
  if (bodyLength > LONGEST_BODY) return MALFORMED;
  const length = HEADER_LENGTH + bodyLength;
  const [command, family] = [bytes[12]!, bytes[13]!];
  if (command === LOCAL || (command === PROXY && family === UNSPECIFIED))
    return ended(bytes, length, undefined);
  const addressLength = ADDRESS_LENGTHS.get(family);
  if (command !== PROXY || addressLength === undefined) return MALFORMED;
  if (bodyLength < 2 * (addressLength + PORT_LENGTH)) return MALFORMED;
  return ended(bytes, length, addressLength);
}

function ended(bytes: Buffer, length: number, addressLength: number | undefined): Preface {
  if (bytes.length < length) return INCOMPLETE;
  const source =
    addressLength === undefined
      ? undefined
      : addressOfBytes(bytes.subarray(HEADER_LENGTH, HEADER_LENGTH + addressLength));
  return { state: "complete", length, source };
}
