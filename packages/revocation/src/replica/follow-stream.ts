import type { Clock, Reset, SetTimer } from "@portcullis/protocol";
import { unlessAborted } from "@portcullis/protocol";
import { revocationError } from "../errors.ts";
import type { DecodedBatch, Feed, FeedCursor, FeedEvent } from "../feed.ts";

interface FollowOptions {
  readonly feed: Feed;
  readonly cursor: FeedCursor;
  readonly signal: AbortSignal;
  readonly setTimer: SetTimer;
  readonly clock: Clock;
  /** Rejects when the batch does not follow on what was applied. The next event waits until it is done. */
  readonly onBatch: (batch: DecodedBatch, signal: AbortSignal) => Promise<void>;
  readonly onHeartbeat: () => void;
}

/** The server sends a heartbeat every 2 s. A connection that is silent for longer may be dead without a reset. */
const SILENCE_MS = 6000;
const WATCH_MS = 1000;

/** Follows one connection: returns the reset that ended it, and throws for every other end. */
export async function followStream(options: FollowOptions): Promise<Reset> {
  const connection = new AbortController();
  const stop = () => connection.abort(options.signal.reason);
  options.signal.addEventListener("abort", stop, { once: true });
  if (options.signal.aborted) stop();
  const watch = watchSilence(options, connection);
  const events = options.feed.stream(options.cursor, connection.signal)[Symbol.asyncIterator]();
  try {
    return await readEvents(events, options, connection.signal, watch.heard);
  } finally {
    watch.stop();
    options.signal.removeEventListener("abort", stop);
    connection.abort(revocationError("feed_unavailable", { detail: "the connection was left" }));
    // Not awaited: a feed that hangs is left behind.
    events.return?.().catch(() => {});
  }
}

async function readEvents(
  events: AsyncIterator<FeedEvent>,
  options: FollowOptions,
  signal: AbortSignal,
  heard: () => void,
): Promise<Reset> {
  for (;;) {
    const { done, value } = await unlessAborted(events.next(), signal);
    if (done) throw revocationError("feed_unavailable", { detail: "the stream ended" });
    heard();
    if (value.type === "reset") return value.reset;
    if (value.type === "batch") await options.onBatch(value.batch, signal);
    else options.onHeartbeat();
  }
}

function watchSilence(
  { setTimer, clock }: FollowOptions,
  connection: AbortController,
): { heard: () => void; stop: () => void } {
  let heardAt = clock.monotonicMs();
  const look = (): void => {
    if (clock.monotonicMs() - heardAt < SILENCE_MS) {
      cancel = setTimer(look, WATCH_MS);
      return;
    }
    connection.abort(revocationError("feed_unavailable", { detail: "no heartbeat" }));
  };
  let cancel = setTimer(look, WATCH_MS);
  return {
    heard: () => {
      heardAt = clock.monotonicMs();
    },
    stop: () => cancel(),
  };
}
