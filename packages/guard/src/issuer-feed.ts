import {
  apiResourceOf,
  discoverIssuer,
  type IssuerSettings,
  MachineToken,
  revocationsEndpointOf,
} from "@portcullis/issuer";
import { API_SCOPES, type Clock, type RefusedFeed, unlessAborted } from "@portcullis/protocol";
import { carriedFeed, type Feed, httpFeed } from "@portcullis/revocation";
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
  /** Told when what the relay brought was refused. */
  readonly onRefused: (refused: RefusedFeed) => void;
}

/**
 * Returns the feed of an issuer that need not be up yet: its metadata, and a token for it, are asked for when they are needed. Where a
 * relay carries it, the issuer's own is beside it for when the relay is not believed.
 */
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
  const issuers = discoveredFeed(
    remembered(async () => {
      const { revocationsEndpoint: endpoint } = await discovered();
      return httpFeed({ endpoint, authorization, fetch });
    }),
  );
  const { feedEndpoint, onRefused } = options;
  if (feedEndpoint === undefined) return issuers;
  const carrier = httpFeed({ endpoint: feedEndpoint.replace(/\/$/, ""), authorization, fetch });
  const carrierName = new URL(feedEndpoint).origin;
  return carriedFeed({ carrier, carrierName, issuer: issuers, clock, onRefused });
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
