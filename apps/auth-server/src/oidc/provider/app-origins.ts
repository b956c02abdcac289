import type { Client } from "oidc-provider";

/** Whether a page of this origin belongs to the app: whether one of its redirect URIs is there. */
export const isOriginOf = (client: Pick<Client, "redirectUris">, origin: string): boolean =>
  originsOf(client.redirectUris ?? []).has(origin);

function originsOf(uris: readonly string[]): Set<string> {
  // An app's own scheme has the origin "null", and so has every sandboxed page.
  return new Set(uris.map((uri) => new URL(uri).origin).filter((origin) => origin !== "null"));
}
