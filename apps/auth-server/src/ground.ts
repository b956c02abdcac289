import type { Clock, Log } from "@portcullis/protocol";
import type { Configuration } from "./config/load.ts";
import type { Storage } from "./storage/storage.ts";
import type { StoredTimes } from "./storage/stored-time.ts";

/** What every part stands on. */
export interface Ground {
  readonly configuration: Configuration;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly times: StoredTimes;
  readonly randomBytes: (size: number) => Uint8Array;
  readonly operatorLog: Log;
  /** How to close what has started, the last first: when the server closes, and when a later part fails to start. */
  readonly started: AsyncDisposableStack;
}
