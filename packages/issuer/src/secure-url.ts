/** Which URLs are safe to ask with a secret, or for keys that are then believed: https, or what stays on this machine. */
import { isLoopback } from "@portcullis/protocol";
import { issuerError } from "./errors.ts";

export interface UrlPolicy {
  /** Allow plain HTTP to other hosts than loopback; default false. */
  readonly allowInsecureRequests?: boolean | undefined;
}

/** Returns the issuer as a URL. Throws `invalid_configuration` for one that is no issuer, or could not be asked safely. */
export function requireIssuerUrl(issuer: string, policy: UrlPolicy = {}): URL {
  const url = requireSecureUrl("issuer", issuer, policy);
  if (url.search !== "" || url.hash !== "" || url.username !== "" || url.password !== "") {
    throw issuerError("invalid_configuration", {
      text: "issuer: found a URL with a query, a fragment or a user; leave them out (RFC 8414, section 2).",
    });
  }
  return url;
}

/** Returns the URL of the setting `name`. Throws `invalid_configuration` where it would be asked without TLS. */
export function requireSecureUrl(
  name: string,
  text: string,
  { allowInsecureRequests = false }: UrlPolicy = {},
): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "https:") return url;
  if (url?.protocol === "http:" && (allowInsecureRequests || isLoopback(url.hostname))) return url;
  throw issuerError("invalid_configuration", {
    text: `${name}: found ${JSON.stringify(text)}; give an https URL (http only for a loopback address).`,
  });
}
