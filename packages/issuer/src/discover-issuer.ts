/** From an issuer to its metadata (OpenID Connect Discovery 1.0, section 4; RFC 8414, section 3). */
import * as oauth from "oauth4webapi";
import { type AskOptions, askIssuer } from "./ask-issuer.ts";
import { isIssuerError, issuerError } from "./errors.ts";
import { quoteValue } from "./quote-others.ts";
import { requireIssuerUrl, type UrlPolicy } from "./secure-url.ts";

export interface IssuerSettings extends UrlPolicy, AskOptions {
  /** As tokens name it in `iss`. */
  readonly issuer: string;
}

/** Authorization server metadata (RFC 8414, section 2), with whatever else the issuer says. */
export type IssuerMetadata = oauth.AuthorizationServer;

/** Where metadata may be: OpenID Connect appends to the issuer's path, RFC 8414 puts its own path in front. */
const PLACES = ["oidc", "oauth2"] as const;

/** Returns the metadata, asked for anew. Rejects with an `IssuerError`; one of another issuer is `issuer_mismatch`. */
export async function discoverIssuer(settings: IssuerSettings): Promise<IssuerMetadata> {
  const url = requireIssuerUrl(settings.issuer, settings);
  for (const algorithm of PLACES) {
    const response = await oauth.discoveryRequest(url, { algorithm, ...requestOptions(settings) });
    if (response.status !== 404) return metadataIn(response, url, settings);
  }
  throw issuerError("issuer_unreadable", {
    text: `${settings.issuer} publishes no metadata (RFC 8414). Is the issuer's URL right?`,
  });
}

/** What oauth4webapi is given with each request. Whether the URL may be plain HTTP was decided before (`secure-url.ts`). */
export function requestOptions(options: AskOptions) {
  return {
    [oauth.customFetch]: (url: string, init: unknown) =>
      askIssuer(new URL(url), init as RequestInit, options),
    [oauth.allowInsecureRequests]: true,
  };
}

async function metadataIn(response: Response, url: URL, { issuer }: IssuerSettings): Promise<IssuerMetadata> {
  const metadata = await oauth
    .processDiscoveryResponse(url, response)
    .catch((cause: unknown) => Promise.reject(failureOf(cause, { issuer, status: response.status })));
  // It compares as URLs, and what verifies tokens compares texts.
  if (metadata.issuer !== issuer) throw mismatch(issuer, metadata.issuer);
  return metadata;
}

function failureOf(cause: unknown, { issuer, status }: { readonly issuer: string; readonly status: number }) {
  if (isIssuerError(cause)) return cause;
  if (cause instanceof oauth.OperationProcessingError && cause.code === oauth.JSON_ATTRIBUTE_COMPARISON) {
    return mismatch(issuer, (cause.cause as { body?: { issuer?: unknown } }).body?.issuer);
  }
  const found = status === 200 ? "metadata without a usable member issuer" : `status ${status}`;
  return issuerError("issuer_unreadable", {
    text: `${issuer} answers discovery with ${found}. Is the issuer's URL right?`,
    cause,
  });
}

/** Without this, one issuer's metadata could hand its keys to another (RFC 8414, section 3.3). */
function mismatch(issuer: string, found: unknown) {
  return issuerError("issuer_mismatch", {
    text: `issuer: found ${JSON.stringify(issuer)}, and the metadata there is of ${quoteValue(found)}. They must be equal to the letter, a slash at the end included: give exactly the issuer's own name.`,
  });
}
