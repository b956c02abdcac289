export { addressGroup, parseAddress } from "./address.ts";
export { type ClientAddresses, createClientAddresses } from "./client-addresses.ts";
export { addressesIn, isPublicAddress, problemOfNetwork } from "./networks.ts";
export { type TrustedProxies, trustedProxiesSchema } from "./trusted-proxies.ts";
