import type { ServerResponse } from "node:http";
import type { Caller } from "@portcullis/http-api";
import { type Clock, type SetTimer, wallSecondsOf } from "@portcullis/protocol";
import type { FeedCursor, RevocationView, TokenCoordinates } from "@portcullis/revocation";
import { feedError } from "./errors.ts";
import { EventStream } from "./event-stream.ts";
import type { FeedHub } from "./feed-hub.ts";

const MAX_STREAMS_PER_CLIENT = 500;

interface FeedStreamsOptions {
  readonly hub: Pick<FeedHub, "follow">;
  /** What this process itself says of the token that opened a stream. */
  readonly local: Pick<RevocationView, "coordinatesOf" | "verdict">;
  readonly clock: Pick<Clock, "wallMs">;
  readonly setTimer: SetTimer;
  readonly streamsPerClient?: number | undefined;
  readonly writableLimitBytes?: number | undefined;
}

/** Opens streams for verifiers: at most so many a client, and none that outlives the token that opened it. */
export class FeedStreams {
  readonly #options: FeedStreamsOptions;
  readonly #open = new Map<string, number>();
  readonly counters = { opened: 0, cutSlow: 0 };

  constructor(options: FeedStreamsOptions) {
    this.#options = options;
  }

  /** Throws `too_many_streams`. */
  admit({ clientId }: Caller): void {
    const limit = this.#options.streamsPerClient ?? MAX_STREAMS_PER_CLIENT;
    if ((this.#open.get(clientId) ?? 0) >= limit) throw feedError("too_many_streams");
  }

  async open(response: ServerResponse, cursor: FeedCursor, caller: Caller): Promise<void> {
    const { hub, setTimer, writableLimitBytes } = this.#options;
    const stream = new EventStream({
      response,
      setTimer,
      onSlow: () => {
        this.counters.cutSlow++;
      },
      writableLimitBytes,
    });
    this.#count(caller.clientId, 1);
    stream.onClose(() => this.#count(caller.clientId, -1));
    await hub.follow(stream, cursor, this.#right(caller));
  }

  #count(clientId: string, change: 1 | -1): void {
    if (change === 1) this.counters.opened++;
    const open = (this.#open.get(clientId) ?? 0) + change;
    if (open === 0) this.#open.delete(clientId);
    else this.#open.set(clientId, open);
  }

  /** The feed is a resource like any other: who may no longer call the API may no longer listen to it. */
  #right(caller: Caller): () => boolean {
    const { local, clock } = this.#options;
    const at: TokenCoordinates = local.coordinatesOf(caller.claims, caller.header ?? {});
    return () => wallSecondsOf(clock) < caller.expiresAt && local.verdict(at).outcome === "allow";
  }
}
