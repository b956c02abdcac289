import type { LeaseRequest, LeaseResponse, SetTimer } from "@portcullis/protocol";
import type { Feed } from "@portcullis/revocation";

interface AcknowledgingFeedOptions {
  /** Up to which seq all below enforce, of `applied` in our own index. */
  readonly enforced: (applied: number) => number;
  /** Makes the replica ask for its lease now. */
  readonly renew: () => void;
  readonly setTimer: SetTimer;
}

/** The name of a proof holds a lease for so long, as the shortest may be that a server gives. */
const PROOF_LEASE_MS = 5000;
/** The age of a relay is added to that of everybody below it, so it asks more often than its lease needs. */
const RENEWAL_MS = 200;
/** What the replica does with an answer comes first. */
const NEXT_CALL_MS = 1;

/**
 * The feed above, to which the replica acknowledges no more than everybody below enforces. What it counts as applied
 * itself, and so whether it is fresh, stays its own business.
 */
export class AcknowledgingFeed {
  readonly #options: AcknowledgingFeedOptions;
  #underWay = 0;
  #isDue = false;
  #cancelNext: () => void = () => undefined;
  #closed = false;

  constructor(options: AcknowledgingFeedOptions) {
    this.#options = options;
  }

  over(feed: Feed): Feed {
    return {
      snapshot: (signal) => feed.snapshot(signal),
      stream: (cursor, signal) => feed.stream(cursor, signal),
      lease: (request, signal) => this.#lease(feed, request, signal),
      refused: (refusal) => feed.refused?.(refusal),
    };
  }

  /** As soon as no call is under way: one that is on its way has the old acknowledgement in it. */
  renewSoon(): void {
    this.#isDue = true;
    if (this.#underWay === 0) this.#renewAfter(NEXT_CALL_MS);
  }

  close(): void {
    this.#closed = true;
    this.#cancelNext();
  }

  async #lease(feed: Feed, request: LeaseRequest, signal: AbortSignal): Promise<LeaseResponse> {
    this.#cancelNext();
    this.#isDue = false;
    this.#underWay++;
    try {
      const answer = await feed.lease(this.#acknowledged(request), signal);
      if (isRolledBack(answer, request)) await proveTo(feed, request, signal);
      // After a failure the replica comes again in its own time: a feed that is down is not to be hurried.
      this.#renewAfter(this.#isDue ? NEXT_CALL_MS : RENEWAL_MS);
      return answer;
    } finally {
      this.#underWay--;
    }
  }

  /** Chain and digest are those of `applied`: with a lower one they would be a contradiction. */
  #acknowledged(request: LeaseRequest): LeaseRequest {
    const applied = this.#options.enforced(request.applied);
    if (applied === request.applied) return request;
    const { chain: _chain, live: _live, ...rest } = request;
    return { ...rest, applied };
  }

  #renewAfter(delayMs: number): void {
    this.#cancelNext();
    if (!this.#closed) this.#cancelNext = this.#options.setTimer(() => this.#options.renew(), delayMs);
  }
}

const isRolledBack = (answer: LeaseResponse, { incarnation, applied, leaseMs }: LeaseRequest): boolean =>
  leaseMs > 0 && answer.incarnation === incarnation && answer.head < applied;

/**
 * The log is behind what we have seen of it: those above must hear of that, and the acknowledgement hid it. Under a name
 * of its own, since it must acknowledge nothing for those below. What comes of it, the replica hears at its next call.
 */
async function proveTo(feed: Feed, request: LeaseRequest, signal: AbortSignal): Promise<void> {
  const claim = { ...request, replica: `${request.replica.slice(0, 90)}.proof`, leaseMs: PROOF_LEASE_MS };
  await feed.lease(claim, signal).catch(() => undefined);
}
