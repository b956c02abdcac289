import { batchSchema, decodeBase64url, resetSchema } from "@portcullis/protocol";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { revocationError } from "../errors.ts";
import type { FeedEvent } from "../feed.ts";

/** Characters that may wait for their event to end: some 300,000 records. */
const MAX_BUFFERED = 16 * 1024 * 1024;

/**
 * Reads server-sent events as feed events. Throws `malformed_feed` for what cannot be read; an event of a name that it
 * does not know is passed over, since only `batch` and `reset` change what is known.
 */
export async function* readEventStream(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<FeedEvent> {
  const ready: FeedEvent[] = [];
  const parser = createParser({
    maxBufferSize: MAX_BUFFERED,
    onComment: () => ready.push({ type: "heartbeat" }),
    onEvent: (message) => {
      const event = eventOf(message);
      if (event !== undefined) ready.push(event);
    },
    onError: ({ type }) => {
      // Unknown fields are to be ignored (HTML standard, 9.2.6); running out of room is not.
      if (type === "max-buffer-size-exceeded") throw malformed("an event is too large");
    },
  });
  const decoder = new TextDecoder();
  for await (const chunk of chunks) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    while (ready.length > 0) yield ready.shift()!;
  }
}

function eventOf({ event, data }: EventSourceMessage): FeedEvent | undefined {
  try {
    if (event === "reset") return { type: "reset", reset: resetSchema.parse(JSON.parse(data)) };
    if (event !== "batch") return undefined;
    const { records: text, ...batch } = batchSchema.parse(JSON.parse(data));
    const records = decodeBase64url(text);
    if (records === undefined) throw new TypeError("records are not base64url");
    return { type: "batch", batch: { ...batch, records } };
  } catch (cause) {
    throw malformed(`an event ${event} cannot be read`, cause);
  }
}

const malformed = (detail: string, cause?: unknown) => revocationError("malformed_feed", { detail, cause });
