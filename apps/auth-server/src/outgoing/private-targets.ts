/**
 * The targets in its own network that the operator lets this server ask. Everything else must be a public address behind https:
 * whoever may edit an app could else make the server ask what only the server can reach (CWE-918).
 */
import { isNormalizedUrl } from "@portcullis/protocol";
import { addressesIn, isPublicAddress, parseAddress, problemOfNetwork } from "@portcullis/service";
import { z } from "zod";

export interface PrivateTargets {
  /** Whether the operator has listed this host by its name, with its port or without: its address does not matter then. */
  names(url: URL): boolean;
  /** Whether the operator has listed the address, or a network that it is in. */
  hasAddress(address: string): boolean;
  /** Whether any address or network is listed: a name may resolve to it. */
  readonly hasAddresses: boolean;
}

const HOST = /^(?:[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?\.)*[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/;
const HOST_AND_PORT = /^(\[[^\]]*\]|[^:]*):(\d{1,5})$/;

/** One entry of `outgoing.privateTargets`. */
const privateTarget = z.string().check((context) => {
  const message = problemOfEntry(context.value);
  if (message !== undefined) context.issues.push({ code: "custom", message, input: context.value });
});

export const privateTargetsSchema = z.array(privateTarget).max(1_000);

function problemOfEntry(entry: string): string | undefined {
  if (entry.includes("/")) return problemOfPrivateNetwork(entry);
  const { host, port } = partsOf(entry);
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) return `has no such port: ${port}`;
  if (parseAddress(host) !== undefined) return problemOfNetwork(host);
  // What ends in a number is read as an IPv4 address by a URL, in spellings that nobody would look for here.
  if (HOST.test(host) && !/(?:^|\.)(?:\d+|0x[\da-f]*)$/.test(host)) return undefined;
  return "is no host name in lower case, no address, and no network such as 10.0.0.0/8";
}

function problemOfPrivateNetwork(network: string): string | undefined {
  if (/\/0+$/.test(network)) return "would allow every address there is";
  return problemOfNetwork(network);
}

function partsOf(entry: string): { readonly host: string; readonly port?: string } {
  const [, host, port] = HOST_AND_PORT.exec(entry) ?? [];
  if (host === undefined || port === undefined) return { host: withoutBrackets(entry) };
  return { host: withoutBrackets(host), port };
}

const withoutBrackets = (host: string): string => host.replace(/^\[(.*)\]$/, "$1");

/** Returns what a list of entries, each checked by the schema above, lets this server ask. */
export function privateTargets(entries: readonly string[]): PrivateTargets {
  const isNetwork = (entry: string) =>
    entry.includes("/") || parseAddress(withoutBrackets(entry)) !== undefined;
  const hosts = new Set(entries.filter((entry) => !isNetwork(entry)));
  const networks = entries.filter(isNetwork).map(withoutBrackets);
  const isListed = addressesIn(networks);
  return {
    names: (url) => hosts.has(nameOf(url)) || hosts.has(`${nameOf(url)}:${portOf(url)}`),
    hasAddress: (address) => isListed(parseAddress(address) ?? ""),
    hasAddresses: networks.length > 0,
  };
}

/** A dot at the end makes no other host of it. */
const nameOf = ({ hostname }: URL): string => hostname.replace(/\.$/, "");

const portOf = ({ port, protocol }: URL): string =>
  port === "" ? (protocol === "https:" ? "443" : "80") : port;

/** Returns the address that stands in the URL itself, in its one spelling. */
export const addressIn = ({ hostname }: URL): string | undefined => parseAddress(withoutBrackets(hostname));

/** Whether a connection for this URL may be made to this address. */
export function allowsAddress(
  targets: PrivateTargets,
  { url, address }: { url: URL; address: string },
): boolean {
  if (targets.names(url) || targets.hasAddress(address)) return true;
  return url.protocol === "https:" && isPublicAddress(address);
}

/**
 * Returns what is wrong with a URL as a target, as far as it can be told without looking its host up. For settings: an operator
 * hears it when the setting is made, and not when the first request fails.
 */
export function problemOfTarget(text: string, targets: PrivateTargets): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) return "is no https URL";
  if (url.username !== "" || url.password !== "") return "has a user name or a password; leave it out";
  if (url.hash !== "") return "has a fragment; leave it out";
  // An operator reads the one host, and this server would ask the other.
  if (!isNormalizedUrl(text)) return `is not in its normal form, ${url.href}`;
  return problemOfHost(url, targets);
}

function problemOfHost(url: URL, targets: PrivateTargets): string | undefined {
  const address = addressIn(url);
  if (address !== undefined) {
    return allowsAddress(targets, { url, address }) ? undefined : `is not allowed: ${ADVICE}`;
  }
  const mayBeAllowed = url.protocol === "https:" || targets.names(url) || targets.hasAddresses;
  return mayBeAllowed ? undefined : `is not https: take https, or ${ADVICE}`;
}

const ADVICE = "name the host in outgoing.privateTargets of the server's configuration";
