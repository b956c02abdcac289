import type { Clock, LeaseRequest, LeaseResponse, RefusedFeed } from "@portcullis/protocol";
import { hasCode } from "@portcullis/protocol";
import { revocationError } from "./errors.ts";
import type { Feed, FeedCursor, FeedEvent } from "./feed.ts";

interface CarriedFeedOptions {
  /** A relay, or Redis. */
  readonly carrier: Feed;
  /** As operators know it: the origin of a relay's URL, or `redis`. */
  readonly carrierName: string;
  /** The issuer's own, over HTTP. */
  readonly issuer: Feed;
  readonly clock: Pick<Clock, "monotonicMs">;
  /** Told when something that the carrier brought was refused. */
  readonly onRefused?: ((refused: RefusedFeed) => void) | undefined;
}

/** How long the issuer is asked itself. A carrier that was mended is used again; one that lies costs no more than one call in this time. */
const DOUBTED_MS = 60_000;
const DETAIL_CHARACTERS = 300;

/**
 * A feed that somebody else than the issuer carries, with the issuer's own beside it. Once something that was carried is refused, or the carrier
 * says what only the issuer can know for certain (that the log is another one, or shorter than what is held), everything comes from the issuer
 * itself for a while, and the issuer is told what was refused.
 *
 * So a carrier can be silent or late, and its verifier's lease runs out; it cannot make its verifier give its list up, nor keep it
 * from a good one.
 */
export function carriedFeed(options: CarriedFeedOptions): Feed {
  return new CarriedFeed(options);
}

class CarriedFeed implements Feed {
  readonly #options: CarriedFeedOptions;
  readonly #carried = new Set<AbortController>();
  #doubtedUntil = Number.NEGATIVE_INFINITY;
  #untold: RefusedFeed | undefined;

  constructor(options: CarriedFeedOptions) {
    this.#options = options;
  }

  snapshot(signal: AbortSignal): Promise<Uint8Array> {
    return this.#source().snapshot(signal);
  }

  async *stream(cursor: FeedCursor, signal: AbortSignal): AsyncGenerator<FeedEvent> {
    if (this.#isDoubted) yield* this.#options.issuer.stream(cursor, signal);
    else yield* this.#carriedStream(cursor, signal);
  }

  async lease(request: LeaseRequest, signal: AbortSignal): Promise<LeaseResponse> {
    if (this.#isDoubted) return this.#leaseOfIssuer(request, signal);
    try {
      const answer = await this.#options.carrier.lease(request, signal);
      const isOther = answer.incarnation !== request.incarnation || answer.head < request.applied;
      if (!isOther || request.leaseMs === 0) return answer;
    } catch (error) {
      if (!hasCode(error, "feed_conflict")) throw error;
    }
    throw this.#toBeConfirmed("an answer to a lease call");
  }

  refused({ what, code, detail }: Omit<RefusedFeed, "carrier">): void {
    // What the issuer itself brings is refused, too, while its keys change: there is nobody else to go to.
    if (this.#isDoubted) return;
    const { carrierName: carrier, onRefused } = this.#options;
    const refused = { what, carrier, code, ...(detail && { detail: detail.slice(0, DETAIL_CHARACTERS) }) };
    this.#untold = refused;
    this.#doubt();
    onRefused?.(refused);
  }

  get #isDoubted(): boolean {
    return this.#options.clock.monotonicMs() < this.#doubtedUntil;
  }

  #source(): Feed {
    return this.#isDoubted ? this.#options.issuer : this.#options.carrier;
  }

  async #leaseOfIssuer(request: LeaseRequest, signal: AbortSignal): Promise<LeaseResponse> {
    const untold = this.#untold;
    const told = untold === undefined || request.leaseMs === 0 ? request : { ...request, refused: untold };
    const answer = await this.#options.issuer.lease(told, signal);
    if (this.#untold === untold) this.#untold = undefined;
    return answer;
  }

  /** Ends when the carrier is doubted, whoever found out. */
  async *#carriedStream(cursor: FeedCursor, signal: AbortSignal): AsyncGenerator<FeedEvent> {
    const life = new AbortController();
    const stop = () => life.abort(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    this.#carried.add(life);
    try {
      for await (const event of this.#options.carrier.stream(cursor, life.signal)) {
        life.signal.throwIfAborted();
        if (event.type === "reset" && event.reset.reason !== "too_old") throw this.#toBeConfirmed("a reset");
        yield event;
      }
    } finally {
      signal.removeEventListener("abort", stop);
      this.#carried.delete(life);
    }
  }

  #toBeConfirmed(what: string): Error {
    this.#doubt();
    return revocationError("feed_unavailable", {
      detail: `${what} by ${this.#options.carrierName} says that the log is another one: the issuer is asked`,
    });
  }

  #doubt(): void {
    this.#doubtedUntil = this.#options.clock.monotonicMs() + DOUBTED_MS;
    const left = revocationError("feed_unavailable", { detail: "the carrier is not believed" });
    for (const life of this.#carried) life.abort(left);
  }
}
