import type { RemoteKeySource } from "@portcullis/access-token";

export interface FirstKeysOptions {
  readonly keys: RemoteKeySource;
  readonly signal: AbortSignal;
  readonly onFailure: (error: unknown, retryMs: number) => void;
}

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 5000;

/** Fetches the issuer's keys until it has them once, so that the first request needs no fetch. */
export async function firstKeys({ keys, signal, onFailure }: FirstKeysOptions): Promise<void> {
  for (let retryMs = FIRST_RETRY_MS; !signal.aborted; retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS)) {
    try {
      return await keys.refresh();
    } catch (error) {
      if (signal.aborted) break;
      onFailure(error, retryMs);
      await pause(retryMs, signal);
    }
  }
  throw signal.reason;
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, delayMs);
    signal.addEventListener("abort", done, { once: true });
  });
}
