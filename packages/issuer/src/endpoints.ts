/** What is asked of an issuer after discovery, each place checked before anything is sent there. */
import type { DiscoveryExtension } from "@portcullis/protocol";
import type { IssuerMetadata } from "./discover-issuer.ts";
import { issuerError } from "./errors.ts";
import { quoteValue } from "./quote-others.ts";

type Endpoint =
  | "authorization_endpoint"
  | "token_endpoint"
  | "revocation_endpoint"
  | "introspection_endpoint"
  | "jwks_uri"
  | "portcullis_revocations_endpoint";
type Extended = IssuerMetadata & { readonly [Name in keyof DiscoveryExtension]?: unknown };

/**
 * Returns the URL of an endpoint. Throws `endpoint_missing`, or `endpoint_unsafe` for one that is neither on the issuer's
 * origin nor https: an issuer on the network must not send a secret down to plain HTTP, nor to what speaks it on our own
 * machine. Over https it may name any host, our own machine too: the issuer is trusted (docs/threat-model.md), and whoever
 * answers there must show a certificate for that name.
 */
export function endpointOf(metadata: IssuerMetadata, name: Endpoint): URL {
  const text = memberOf(metadata, name);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && (url.protocol === "https:" || isOwn(url, metadata))) return url;
  throw issuerError("endpoint_unsafe", {
    text: `The issuer's ${name} is ${quoteValue(text)}, neither on its own origin (${new URL(metadata.issuer).origin}) nor https.`,
  });
}

const isOwn = ({ origin, protocol }: URL, { issuer }: IssuerMetadata): boolean =>
  protocol === "http:" && origin === new URL(issuer).origin;

/** Returns the base URL of the revocations API, without a slash at its end. Throws as `endpointOf` does. */
export const revocationsEndpointOf = (metadata: IssuerMetadata): string =>
  endpointOf(metadata, "portcullis_revocations_endpoint").href.replace(/\/$/, "");

/** Returns the resource indicator (RFC 8707) of the issuer's own API. Throws `endpoint_missing`. */
export const apiResourceOf = (metadata: IssuerMetadata): string =>
  memberOf(metadata, "portcullis_api_resource");

function memberOf(metadata: Extended, name: Endpoint | "portcullis_api_resource"): string {
  const value = metadata[name];
  if (typeof value === "string" && value !== "") return value;
  const question = name.startsWith("portcullis_") ? " Is it a Portcullis authorization server?" : "";
  throw issuerError("endpoint_missing", {
    text: `The metadata of ${metadata.issuer} has no ${name}.${question}`,
  });
}
