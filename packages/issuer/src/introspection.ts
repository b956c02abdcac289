/** What an issuer says of a token (RFC 7662), asked with the client that the verifier has for the feed. */
import { isIP } from "node:net";
import {
  CLIENT_ADDRESS_HEADER,
  INTROSPECTS_HEADER,
  type IntrospectableApis,
  type JsonObject,
  parseIntrospects,
} from "@portcullis/protocol";
import * as oauth from "oauth4webapi";
import { type IssuerMetadata, type IssuerSettings, requestOptions } from "./discover-issuer.ts";
import { endpointOf } from "./endpoints.ts";
import { isIssuerError, issuerError } from "./errors.ts";
import { quoteText } from "./quote-others.ts";

export interface IntrospectionSettings extends IssuerSettings {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly discovered: () => Promise<IssuerMetadata>;
}

export interface IntrospectionAnswer {
  /** The members of the answer, of which only `active` was looked at: it is a boolean. */
  readonly claims: JsonObject;
  /** About tokens of which APIs this client is answered; undefined where the issuer does not say. */
  readonly introspects: IntrospectableApis | undefined;
}

/**
 * Returns the function that asks about one token, each time anew. `clientAddress` is whose use of it led to the question: its owner is shown it as
 * that of the last use. It rejects with an `IssuerError`, whose text never has the token:
 * `client_not_accepted` for a client or secret that is wrong, `introspection_refused` for one that may not ask at all.
 */
export function introspectionOf(
  settings: IntrospectionSettings,
): (token: string, clientAddress?: string) => Promise<IntrospectionAnswer> {
  const { clientId, clientSecret, discovered } = settings;
  const client: oauth.Client = { client_id: clientId };
  const authentication = oauth.ClientSecretBasic(clientSecret);
  return async (token, clientAddress) => {
    const metadata = await discovered();
    // Before the secret and the token go there.
    endpointOf(metadata, "introspection_endpoint");
    const response = await oauth.introspectionRequest(metadata, client, authentication, token, {
      ...requestOptions(settings),
      headers: addressHeader(clientAddress),
    });
    if (response.status === 401) throw notAccepted(settings);
    if (response.status === 403) throw refused(settings, "403");
    const introspects = parseIntrospects(response.headers.get(INTROSPECTS_HEADER));
    try {
      const claims = await oauth.processIntrospectionResponse(metadata, client, response);
      return { claims: claims as JsonObject, introspects };
    } catch (cause) {
      throw failureOf(cause, settings);
    }
  };
}

/**
 * Nothing but an address goes along. Some frameworks take whatever a client writes into `X-Forwarded-For` for its address: a long text there would
 * make the issuer refuse the question, and a few such failures make the verifier ask nothing at all for a while, for anybody.
 */
function addressHeader(clientAddress: string | undefined): Record<string, string> {
  // Without the zone, which means something on that machine alone and may be of any length (RFC 4007, section 11).
  const address = clientAddress?.split("%", 1)[0];
  return address === undefined || isIP(address) === 0 ? {} : { [CLIENT_ADDRESS_HEADER]: address };
}

const notAccepted = ({ issuer, clientId }: IntrospectionSettings) =>
  issuerError("client_not_accepted", {
    text: `${issuer} does not accept the client ${clientId} with this secret at its introspection endpoint. Check both.`,
  });

const refused = ({ issuer, clientId }: IntrospectionSettings, said: string) =>
  issuerError("introspection_refused", {
    text: `${issuer} does not answer the client ${clientId} about tokens: ${quoteText(said)}.`,
  });

function failureOf(cause: unknown, settings: IntrospectionSettings) {
  if (isIssuerError(cause)) return cause;
  if (!(cause instanceof oauth.ResponseBodyError))
    return issuerError("issuer_unreadable", {
      text: `${settings.issuer} answers introspection with something other than RFC 7662 says.`,
    });
  return cause.error === "invalid_client" ? notAccepted(settings) : refused(settings, cause.error);
}
