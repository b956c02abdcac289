/** The addresses that a token may come from, as its issuer gives them: ranges in CIDR notation (RFC 4632, RFC 4291 section 2.3). */
import { BlockList, isIP } from "node:net";

export type IsAllowedFrom = (address: string | undefined) => boolean;

const BITS = { ipv4: 32, ipv6: 128 } as const;

/**
 * Returns the question whether an address is in one of the ranges. Throws a RangeError for one that cannot be read: leaving it out could only let
 * fewer in, but nobody would learn why. An address that is not known is in none.
 */
export function allowedFrom(ranges: readonly string[]): IsAllowedFrom {
  const list = new BlockList();
  for (const range of ranges) addRange(list, range);
  return (address) => {
    const family = address === undefined ? undefined : familyOf(address);
    return family !== undefined && list.check(address!, family);
  };
}

function addRange(list: BlockList, range: string): void {
  const [network = "", written, ...more] = range.split("/");
  const family = familyOf(network);
  if (family === undefined || more.length > 0) throw new RangeError("a range of allowed addresses is none");
  const prefix = written === undefined ? BITS[family] : Number(written);
  if (written !== undefined && !(/^\d{1,3}$/.test(written) && prefix <= BITS[family]))
    throw new RangeError("a range of allowed addresses has no such prefix");
  list.addSubnet(network, prefix, family);
}

function familyOf(address: string): "ipv4" | "ipv6" | undefined {
  const version = isIP(address);
  if (version === 0 || address.includes("%")) return undefined;
  return version === 4 ? "ipv4" : "ipv6";
}
