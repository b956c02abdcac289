import { type IncomingMessage, request } from "node:http";
import {
  type Batch,
  batchSchema,
  decodeBase64url,
  decodeRecords,
  type Reset,
  type RevocationRecord,
  resetSchema,
} from "@portcullis/protocol";
import { bearer } from "./revocations-server.ts";

export type StreamEvent =
  | {
      readonly type: "batch";
      readonly id: string;
      readonly batch: Batch;
      readonly records: RevocationRecord[];
    }
  | { readonly type: "reset"; readonly reset: Reset }
  | { readonly type: "comment"; readonly text: string };

export interface StreamReader {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  /** Ends when the server ends or cuts the stream. */
  readonly events: AsyncGenerator<StreamEvent>;
  close(): void;
}

/** A reading of the feed written from the specification of server-sent events, and nothing of the engine's. */
export function openStream(
  endpoint: string,
  cursor: string | undefined,
  client = "gateway",
): Promise<StreamReader> {
  return new Promise((resolve, reject) => {
    const headers: Record<string, string> = { authorization: bearer(client) };
    if (cursor !== undefined) headers["last-event-id"] = cursor;
    const sent = request(`${endpoint}/stream`, { headers, agent: false }, (response) => {
      resolve({
        status: response.statusCode!,
        headers: response.headers,
        events: eventsOf(response),
        close: () => sent.destroy(),
      });
    });
    sent.on("error", reject);
    sent.end();
  });
}

async function* eventsOf(response: IncomingMessage): AsyncGenerator<StreamEvent> {
  let text = "";
  try {
    for await (const chunk of response.setEncoding("utf8")) {
      text += chunk;
      const blocks = text.split("\n\n");
      text = blocks.pop()!;
      for (const block of blocks) yield eventOf(block);
    }
  } catch {
    // Cut: the end of the stream, as for any client.
  }
}

function eventOf(block: string): StreamEvent {
  if (block.startsWith(":")) return { type: "comment", text: block.slice(1).trim() };
  const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s).slice(0, 2)));
  if (fields.event === "reset") return { type: "reset", reset: resetSchema.parse(JSON.parse(fields.data)) };
  const batch = batchSchema.parse(JSON.parse(fields.data));
  const records = decodeRecords(decodeBase64url(batch.records)!);
  return { type: "batch", id: fields.id, batch, records };
}

/** Reads until the seq has come. Gives every record, and what `prev` and `id` said of each batch. */
export async function readUntil(reader: StreamReader, seq: number) {
  const batches: { readonly id: string; readonly batch: Batch; readonly records: RevocationRecord[] }[] = [];
  for (;;) {
    const { value, done } = await reader.events.next();
    if (done) throw new Error(`the stream ended before seq ${seq}`);
    if (value.type === "batch") batches.push(value);
    if (value.type === "reset") throw new Error(`reset: ${value.reset.reason}`);
    if (value.type === "batch" && value.batch.to >= seq) return batches;
  }
}

export async function firstReset(reader: StreamReader): Promise<Reset | undefined> {
  for await (const event of reader.events) if (event.type === "reset") return event.reset;
  return undefined;
}
