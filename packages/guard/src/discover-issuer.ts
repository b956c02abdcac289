/** What a verifier needs to know of its issuer, from discovery (RFC 8414) with the members that are ours. */
import { isLoopback, requireIssuerUrl } from "@portcullis/access-token";
import type { DiscoveryExtension } from "@portcullis/protocol";
import {
  allowInsecureRequests,
  ClientSecretBasic,
  type Configuration,
  type CustomFetch,
  customFetch,
  type DiscoveryRequestOptions,
  discovery,
} from "openid-client";
import { guardError } from "./errors.ts";

export interface IssuerSettings {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly allowInsecureRequests: boolean;
  readonly fetch: typeof fetch;
}

export interface DiscoveredIssuer {
  readonly configuration: Configuration;
  /** Base URL of the revocations API. */
  readonly revocationsEndpoint: string;
  /** Resource indicator for tokens that read the feed. */
  readonly apiResource: string;
}

const TIMEOUT_SECONDS = 5;

/** Rejects when the issuer cannot be reached, or with `discovery_failed` when it is none of ours. */
export async function discoverIssuer(settings: IssuerSettings): Promise<DiscoveredIssuer> {
  const issuer = requireIssuerUrl(settings.issuer, settings);
  const configuration = await discovery(
    issuer,
    settings.clientId,
    undefined,
    ClientSecretBasic(settings.clientSecret),
    requestOptions(issuer, settings),
  );
  const metadata = configuration.serverMetadata() as Partial<DiscoveryExtension>;
  return {
    configuration,
    revocationsEndpoint: revocationsEndpointOf(metadata, issuer),
    apiResource: memberOf(metadata, "portcullis_api_resource"),
  };
}

function requestOptions(issuer: URL, settings: IssuerSettings): DiscoveryRequestOptions {
  const plain =
    issuer.protocol === "http:" && (settings.allowInsecureRequests || isLoopback(issuer.hostname));
  return {
    timeout: TIMEOUT_SECONDS,
    [customFetch]: settings.fetch as unknown as CustomFetch,
    ...(plain ? { execute: [allowInsecureRequests] } : {}),
  };
}

/** The feed is asked with a token: it must not go to another host in the clear. */
function revocationsEndpointOf(metadata: Partial<DiscoveryExtension>, issuer: URL): string {
  const text = memberOf(metadata, "portcullis_revocations_endpoint");
  const endpoint = URL.canParse(text) ? new URL(text) : undefined;
  if (endpoint === undefined || (endpoint.origin !== issuer.origin && endpoint.protocol !== "https:")) {
    throw guardError("discovery_failed", {
      text: "The issuer's portcullis_revocations_endpoint is neither its own origin nor https.",
    });
  }
  return text.replace(/\/$/, "");
}

function memberOf(metadata: Partial<DiscoveryExtension>, name: keyof DiscoveryExtension): string {
  const value = metadata[name];
  if (typeof value === "string" && value !== "") return value;
  throw guardError("discovery_failed", {
    text: `The issuer's metadata has no ${name}: is it a Portcullis authorization server?`,
  });
}
