import ipaddr from "ipaddr.js";
import { parseAddress } from "./address.ts";

type Network = ReturnType<typeof ipaddr.parseCIDR>;

/** What is wrong with the text as a network that may be trusted, if anything. */
export function problemOfNetwork(text: string): string | undefined {
  const [address = "", prefix, ...more] = text.split("/");
  const parsed = parseAddress(address);
  if (parsed === undefined || more.length > 0) return "is no address, and no network such as 10.0.0.0/8";
  // Addresses are compared in their one spelling: such a network would never match.
  if (parsed.includes(".") && address.includes(":")) return `must be written as IPv4: ${parsed}`;
  return prefix === undefined ? undefined : problemOfPrefix(text, prefix);
}

function problemOfPrefix(text: string, prefix: string): string | undefined {
  if (!/^\d{1,3}$/.test(prefix) || !ipaddr.isValidCIDR(text)) return "is no network such as 10.0.0.0/8";
  if (Number(prefix) === 0) return "would trust everybody to say where they come from";
  const network = text.includes(":")
    ? ipaddr.IPv6.networkAddressFromCIDR(text)
    : ipaddr.IPv4.networkAddressFromCIDR(text);
  const written = ipaddr.parse(text.split("/")[0]!);
  if (network.toString() === written.toString()) return undefined;
  return `has bits beyond its prefix; write ${network.toString()}/${prefix}`;
}

/** Whether an address, in its one spelling, is in one of the networks. */
export function addressesIn(networks: readonly string[]): (address: string) => boolean {
  const parsed = networks.map(parseNetwork);
  return (text) => {
    if (!ipaddr.isValid(text)) return false;
    const address = ipaddr.parse(text);
    return parsed.some(
      ([network, prefix]) => network.kind() === address.kind() && address.match(network, prefix),
    );
  };
}

function parseNetwork(text: string): Network {
  if (text.includes("/")) return ipaddr.parseCIDR(text);
  const address = ipaddr.parse(text);
  return [address, address.kind() === "ipv6" ? 128 : 32];
}

/** Of IPv6, what has been given out for the world (RFC 4291, section 2.4): the rest of it is ours, nobody's, or a tunnel. */
const GLOBAL_UNICAST = addressesIn(["2000::/3"]);

/**
 * Whether an address, in its one spelling, is one of the world's: not of this machine or its network, and none that leads
 * there by another way (a mapped, translated or tunnelled IPv4 address). The registries are those of RFC 6890.
 */
export function isPublicAddress(address: string): boolean {
  const parsed = parseAddress(address);
  if (parsed === undefined || ipaddr.parse(parsed).range() !== "unicast") return false;
  return !parsed.includes(":") || GLOBAL_UNICAST(parsed);
}
