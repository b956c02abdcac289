import {
  apiResourceOf,
  discoverIssuer,
  type IssuerSettings,
  MachineToken,
  revocationsEndpointOf,
} from "@portcullis/issuer";
import { API_SCOPES, type Clock, unlessAborted } from "@portcullis/protocol";
import { type Feed, httpFeed } from "@portcullis/revocation";
import { remembered } from "./remembered.ts";

interface IssuerFeedOptions {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Base URL of a relay; default: where the issuer says. */
  readonly feedEndpoint: string | undefined;
  readonly allowInsecureRequests: boolean;
  readonly fetch: typeof fetch;
  readonly clock: Clock;
}

/** Returns the feed of an issuer that need not be up yet: its metadata, and a token for it, are asked for when they are needed. */
export function issuerFeed(options: IssuerFeedOptions): Feed {
  const { issuer, fetch, allowInsecureRequests, clientId, clientSecret, clock } = options;
  const asked: IssuerSettings = { issuer, fetch, allowInsecureRequests };
  const discovered = remembered(async () => {
    const metadata = await discoverIssuer(asked);
    return { metadata, revocationsEndpoint: revocationsEndpointOf(metadata) };
  });
  const { authorization } = new MachineToken({
    issuer,
    fetch,
    allowInsecureRequests,
    clientId,
    clientSecret,
    scopes: [API_SCOPES.readRevocations],
    discovered: async () => (await discovered()).metadata,
    resource: apiResourceOf,
    clock,
  });
  return discoveredFeed(
    remembered(async () => {
      const endpoint = options.feedEndpoint?.replace(/\/$/, "") ?? (await discovered()).revocationsEndpoint;
      return httpFeed({ endpoint, authorization, fetch });
    }),
  );
}

/**
 * A feed whose place is not known yet. Each call waits for discovery and fails when that fails; the replica
 * comes again, as it does for every failure, so a verifier may be started before its issuer.
 */
function discoveredFeed(open: () => Promise<Feed>): Feed {
  return {
    snapshot: async (signal) => (await unlessAborted(open(), signal)).snapshot(signal),
    async *stream(cursor, signal) {
      yield* (await unlessAborted(open(), signal)).stream(cursor, signal);
    },
    lease: async (request, signal) => (await unlessAborted(open(), signal)).lease(request, signal),
  };
}
