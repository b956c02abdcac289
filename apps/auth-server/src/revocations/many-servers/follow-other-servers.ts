/**
 * How this server comes to know what the others on its database commit, in three ways. The bus says it at once; when
 * the bus was away, SQL is read as soon as it is back; and SQL is read every second whatever the bus says, since any
 * message may be lost. Whoever must not rest on that (a lease, a horizon, a receipt) reads SQL itself (`log.refresh`).
 */
import type { Log } from "@portcullis/protocol";
import type { Storage } from "../../storage/storage.ts";
import type { Bus } from "./bus.ts";

/** A message may be lost: then the log is read so much later. */
const POLL_MS = 1000;
/** How often this server says that its tokens live as long as they do. */
const KEEP_MS = 60_000;

export interface FollowOptions {
  readonly storage: Pick<Storage, "log" | "write">;
  readonly bus: Pick<Bus, "subscribe" | "onResume">;
  readonly operatorLog: Log;
}

/** Returns what ends it. The bus stays open. */
export function followOtherServers({ storage, bus, operatorLog }: FollowOptions): () => void {
  const { log, write } = storage;
  // What cannot be read now is read at the next poll, or by whoever needs it.
  const refresh = () => void log.refresh().catch(() => undefined);
  const stops = [
    bus.subscribe((message) => {
      if (message.type === "head" && message.seq > log.head()) refresh();
    }),
    bus.onResume(refresh),
    regularly(POLL_MS, pollOf(log, operatorLog)),
    // Past the next time or two that this runs: the last token may be issued right before this server ends.
    regularly(KEEP_MS, () => void log.keepLifetime(write, (3 * KEEP_MS) / 1000).catch(() => undefined)),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** Reports once when it fails and once when it works again. */
function pollOf(log: Storage["log"], operatorLog: Log): () => void {
  let isFailing = false;
  return () => {
    log.refresh().then(
      () => {
        if (isFailing) operatorLog.info({ event: "log_read_again" });
        isFailing = false;
      },
      (error: unknown) => {
        if (!isFailing) operatorLog.warn({ event: "log_not_read", error });
        isFailing = true;
      },
    );
  };
}

function regularly(everyMs: number, work: () => void): () => void {
  const timer = setInterval(work, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
