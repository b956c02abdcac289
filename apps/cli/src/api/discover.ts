import {
  apiResourceOf,
  discoverIssuer,
  endpointOf,
  type IssuerMetadata,
  type IssuerSettings,
  revocationsEndpointOf,
  type SignInSettings,
} from "@portcullis/issuer";
import { COMMAND_CLIENT_ID } from "@portcullis/protocol";
import type { AskingSettings } from "../settings.ts";
import { sayingItHere } from "./issuer-failure.ts";
import type { Sending } from "./send.ts";

/** What the command needs of an issuer: all of it is checked before anything is sent to it. */
export interface Issuer {
  readonly metadata: IssuerMetadata;
  readonly jwksUri: URL;
  /** Base URL of the revocations API, without a slash at its end. */
  readonly revocationsEndpoint: string;
  readonly apiResource: string;
}

/** Finds the issuer by discovery (RFC 8414), with the members that are ours. */
export function discover(settings: AskingSettings, sending: Sending): Promise<Issuer> {
  return sayingItHere(async () => {
    const metadata = await discoverIssuer(askingOf(settings, sending));
    endpointOf(metadata, "token_endpoint");
    return {
      metadata,
      jwksUri: endpointOf(metadata, "jwks_uri"),
      revocationsEndpoint: revocationsEndpointOf(metadata),
      apiResource: apiResourceOf(metadata),
    };
  });
}

/** Which issuer is asked, and in which bounds. */
export const askingOf = (
  { issuer, insecure }: AskingSettings,
  { fetch, timeoutMs, signal }: Sending,
): IssuerSettings => ({
  issuer,
  allowInsecureRequests: insecure,
  fetch,
  timeoutMs,
  signal,
});

/** The command itself as an app, for a person who signs in. */
export const signInSettingsOf = (
  { metadata }: Issuer,
  { fetch, timeoutMs, signal }: Sending,
): SignInSettings => ({ metadata, clientId: COMMAND_CLIENT_ID, fetch, timeoutMs, signal });
