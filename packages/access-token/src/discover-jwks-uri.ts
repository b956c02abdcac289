/** From an issuer to the place of its keys (OpenID Connect Discovery 1.0, section 4; RFC 8414, section 3). */
import { accessTokenError } from "./errors.ts";
import { type FetchJsonOptions, fetchJson } from "./fetch-json.ts";

export interface DiscoveryOptions extends FetchJsonOptions {
  readonly issuer: string;
  /** Allow plain HTTP to other hosts than loopback. */
  readonly allowInsecureRequests: boolean;
}

export async function discoverJwksUri(options: DiscoveryOptions): Promise<URL> {
  const issuer = new URL(options.issuer);
  for (const url of metadataUrls(issuer)) {
    const metadata = await fetchJson(url, options);
    if (metadata !== undefined) return jwksUriOf(metadata, issuer, options);
  }
  throw accessTokenError("keys_unavailable", { detail: `${issuer.href} publishes no metadata` });
}

/** OpenID Connect appends to the issuer's path, RFC 8414 puts its own path in front. */
function metadataUrls(issuer: URL): readonly URL[] {
  const path = issuer.pathname.replace(/\/$/, "");
  return [
    atPath(issuer, `${path}/.well-known/openid-configuration`),
    atPath(issuer, `/.well-known/oauth-authorization-server${path}`),
  ];
}

/** Not `new URL(path, issuer)`: a path that starts with two slashes would name another host. */
function atPath(issuer: URL, path: string): URL {
  const url = new URL(issuer);
  url.pathname = path;
  return url;
}

function jwksUriOf(metadata: Record<string, unknown>, issuer: URL, options: DiscoveryOptions): URL {
  // Without this, one issuer's metadata could hand its keys to another (RFC 8414, section 3.3).
  if (metadata.issuer !== options.issuer) {
    throw accessTokenError("keys_unavailable", { detail: "the metadata is of another issuer" });
  }
  if (typeof metadata.jwks_uri !== "string" || !URL.canParse(metadata.jwks_uri)) {
    throw accessTokenError("keys_unavailable", { detail: "the metadata has no jwks_uri" });
  }
  const uri = new URL(metadata.jwks_uri);
  // An issuer on the network must not send us to our own machine, nor down to plain HTTP.
  if (uri.origin !== issuer.origin && uri.protocol !== "https:") {
    throw accessTokenError("keys_unavailable", { detail: `jwks_uri is on ${uri.origin}, without TLS` });
  }
  return uri;
}

/** Throws `invalid_configuration` for an issuer that is no URL, or that would be asked without TLS. */
export function requireIssuerUrl(
  issuer: string,
  options: Pick<DiscoveryOptions, "allowInsecureRequests">,
): URL {
  const url = requireSecureUrl("issuer", issuer, options);
  if (url.search !== "" || url.hash !== "" || url.username !== "" || url.password !== "") {
    throw accessTokenError("invalid_configuration", {
      text: "issuer: found a URL with a query, a fragment or a user; leave them out (RFC 8414, section 2).",
    });
  }
  return url;
}

export function requireSecureUrl(
  name: string,
  text: string,
  { allowInsecureRequests }: Pick<DiscoveryOptions, "allowInsecureRequests">,
): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "https:") return url;
  if (url?.protocol === "http:" && (allowInsecureRequests || isLoopback(url.hostname))) return url;
  throw accessTokenError("invalid_configuration", {
    text: `${name}: found ${JSON.stringify(text)}; give an https URL (http only for a loopback address).`,
  });
}

export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}
