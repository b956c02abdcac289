import { z } from "zod";
import type { Listen, Listening } from "../../storage/storage.ts";
import type { Bus, BusMessage } from "./bus.ts";

/** The channel on which the log's own commits are told, by the transaction that makes them. */
export const POSTGRES_CHANNEL = "portcullis";

const seq = z.int().nonnegative();
const messageSchema: z.ZodType<BusMessage> = z.discriminatedUnion("type", [
  z.object({ type: z.literal("head"), incarnation: z.string(), seq }),
  z.object({
    type: z.literal("applied"),
    incarnation: z.string(),
    replicas: z.array(z.object({ clientId: z.string(), name: z.string(), applied: seq })),
  }),
]);

/** Undefined for what this version does not know: a newer server may say more. */
export function parseBusMessage(payload: string): BusMessage | undefined {
  try {
    return messageSchema.parse(JSON.parse(payload));
  } catch {
    return undefined;
  }
}

/** LISTEN and NOTIFY. PostgreSQL carries at most 8000 bytes a message. */
export function postgresBus(listen: Listen): Bus {
  const listeners = new Set<(message: BusMessage) => void>();
  const resumed = new Set<() => void>();
  const listening: Listening = listen(
    POSTGRES_CHANNEL,
    (payload) => {
      const message = parseBusMessage(payload);
      if (message === undefined) return;
      for (const listener of listeners) listener(message);
    },
    () => {
      for (const listener of resumed) listener();
    },
  );
  return {
    publish: (message) => listening.notify(JSON.stringify(message)),
    subscribe: (listener) => subscribed(listeners, listener),
    onResume: (listener) => subscribed(resumed, listener),
    close: () => listening.close(),
  };
}

function subscribed<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
