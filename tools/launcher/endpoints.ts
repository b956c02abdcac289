import type { DiscoveryExtension } from "@portcullis/protocol";

export interface Endpoints extends DiscoveryExtension {
  readonly token_endpoint: string;
  readonly introspection_endpoint: string;
  readonly revocation_endpoint: string;
}

/** From the authorization server's own metadata, and not guessed. */
export async function discoverEndpoints(issuer: string): Promise<Endpoints> {
  const response = await fetch(`${issuer}/.well-known/openid-configuration`);
  if (!response.ok) throw new Error(`${response.url} answers ${response.status}`);
  return (await response.json()) as Endpoints;
}
