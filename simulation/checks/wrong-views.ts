import type {
  Feed,
  Replica,
  RevocationView,
  TokenCoordinates,
  Verdict,
  ViewFreshness,
} from "@portcullis/revocation";
import type { Process } from "../world/process.ts";
import type { VerifierParts } from "./mutations.ts";

const ALLOW_KEPT_MS = 1000;

/** Counts the lease from when the answer came, as if the way of the answer took no time. */
export function leaseFromReceipt(feed: Feed, { clock }: Process): Partial<VerifierParts> {
  const { monotonicMs } = clock;
  const received = new Map<number, number>();
  return {
    feed: {
      ...feed,
      lease: async (request, signal) => {
        const askedAt = monotonicMs();
        const answer = await feed.lease(request, signal);
        received.set(askedAt, monotonicMs());
        return answer;
      },
    },
    view: (replica) =>
      withAge(replica, (ageMs) => {
        const now = monotonicMs();
        for (const [askedAt, receivedAt] of received) {
          if (Math.abs(now - askedAt - ageMs) < 1e-6) return now - receivedAt;
        }
        return ageMs;
      }),
  };
}

/** A line that is alive is taken for a log that has nothing new. */
export function freshnessFromHeartbeats(feed: Feed, { clock }: Process): Partial<VerifierParts> {
  let heardAt = Number.NEGATIVE_INFINITY;
  return {
    feed: {
      ...feed,
      async *stream(cursor, signal) {
        for await (const event of feed.stream(cursor, signal)) {
          heardAt = clock.monotonicMs();
          yield event;
        }
      },
    },
    view: (replica) => withAge(replica, (ageMs) => Math.min(ageMs, clock.monotonicMs() - heardAt)),
  };
}

/** A verdict is remembered for a while. */
export function cachedAllow(feed: Feed, { clock }: Process): Partial<VerifierParts> {
  const allowed = new Map<unknown, { readonly verdict: Verdict; readonly until: number }>();
  return {
    feed,
    view: (replica) => ({
      ...withAge(replica, (ageMs) => ageMs),
      verdict: (at: TokenCoordinates) => {
        const known = allowed.get(at.claims.jti);
        if (known !== undefined && known.until > clock.monotonicMs()) return known.verdict;
        const verdict = replica.verdict(at);
        if (verdict.outcome === "allow") {
          allowed.set(at.claims.jti, { verdict, until: clock.monotonicMs() + ALLOW_KEPT_MS });
        }
        return verdict;
      },
    }),
  };
}

/** Believes its own clock, whatever the issuer's shows. */
export function noClockCheck(feed: Feed): Partial<VerifierParts> {
  return {
    feed,
    view: (replica) => withFreshness(replica, (found) => ({ ...found, isClockOff: false })),
  };
}

const withAge = (replica: Replica, ageOf: (ageMs: number) => number): RevocationView =>
  withFreshness(replica, (found) => ({ ...found, ageMs: ageOf(found.ageMs) }));

function withFreshness(replica: Replica, change: (found: ViewFreshness) => ViewFreshness): RevocationView {
  return {
    coordinatesOf: (claims, header) => replica.coordinatesOf(claims, header),
    verdict: (at) => replica.verdict(at),
    freshness: (wallSeconds) => change(replica.freshness(wallSeconds)),
    clockOffsetMs: (wallSeconds) => replica.clockOffsetMs?.(wallSeconds),
    get leaseMs() {
      return replica.leaseMs;
    },
  };
}
