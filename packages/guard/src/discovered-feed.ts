import type { Feed } from "@portcullis/revocation";
import { unlessAborted } from "./unless-aborted.ts";

/**
 * A feed whose place is not known yet. Each call waits for discovery and fails when that fails; the replica
 * comes again, as it does for every failure, so a verifier may be started before its issuer.
 */
export function discoveredFeed(open: () => Promise<Feed>): Feed {
  return {
    snapshot: async (signal) => (await unlessAborted(open(), signal)).snapshot(signal),
    async *stream(cursor, signal) {
      yield* (await unlessAborted(open(), signal)).stream(cursor, signal);
    },
    lease: async (request, signal) => (await unlessAborted(open(), signal)).lease(request, signal),
  };
}
