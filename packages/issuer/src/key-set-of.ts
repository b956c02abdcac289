/** The keys that an issuer publishes (RFC 7517), as it publishes them at this moment. */
import { askIssuer, nameOf } from "./ask-issuer.ts";
import { discoverIssuer, type IssuerSettings } from "./discover-issuer.ts";
import { endpointOf } from "./endpoints.ts";
import { issuerError } from "./errors.ts";
import { requireIssuerUrl, requireSecureUrl } from "./secure-url.ts";

export interface KeySetSettings extends IssuerSettings {
  /** Skips discovery: for an issuer, such as the gateway, that publishes its keys and no metadata. */
  readonly jwksUri?: string | undefined;
}

/** RFC 9111, section 5.2.1.4: a cache between here and the issuer asks it, or a new key would be unknown for as long as the cache lives. */
const HEADERS = { accept: "application/json, application/jwk-set+json", "cache-control": "no-cache" };

/**
 * Returns the function that fetches the JWKS, asking for the metadata first each time: an issuer may move its keys. It
 * rejects with an `IssuerError`. Throws `invalid_configuration` at once for an issuer that could not be asked safely.
 */
export function keySetOf(settings: KeySetSettings): () => Promise<object> {
  requireIssuerUrl(settings.issuer, settings);
  const { jwksUri } = settings;
  const fixed = jwksUri === undefined ? undefined : requireSecureUrl("jwksUri", jwksUri, settings);
  return async () => fetchKeySet(fixed ?? endpointOf(await discoverIssuer(settings), "jwks_uri"), settings);
}

async function fetchKeySet(uri: URL, settings: KeySetSettings): Promise<object> {
  const response = await askIssuer(uri, { headers: HEADERS }, settings);
  if (response.status === 200) return response.json() as Promise<object>;
  throw issuerError("issuer_unreadable", {
    text: `${nameOf(uri)} answers ${response.status} where the issuer's keys are due.`,
  });
}
