import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

/**
 * The one spelling of an address, or undefined for what is none. An IPv4-mapped address is its IPv4 address: the same
 * client must not be two, one for each kind of listener. A zone is none of a remote client's.
 */
export function parseAddress(text: string): string | undefined {
  // Stricter than the library, which reads `127.1` and octal numbers as browsers did once.
  if (isIP(text) === 0 || text.includes("%")) return undefined;
  return spellingOf(ipaddr.process(text));
}

export function addressOfBytes(bytes: Uint8Array): string {
  const address = ipaddr.fromByteArray([...bytes]);
  return spellingOf(ipaddr.process(address.toString()));
}

const spellingOf = (address: ipaddr.IPv4 | ipaddr.IPv6): string =>
  address.kind() === "ipv6" ? (address as ipaddr.IPv6).toRFC5952String() : address.toString();

const GROUPED_BYTES = 8;

/** What is counted as one caller: an IPv4 address, or a /64, of which a single line has all addresses. */
export function addressGroup(address: string): string {
  if (isIP(address) !== 6) return address;
  const bytes = ipaddr.parse(address).toByteArray();
  return `${addressOfBytes(Uint8Array.from(bytes.fill(0, GROUPED_BYTES)))}/64`;
}
