import type { Feed } from "./feed.ts";

export interface HttpFeedOptions {
  /** Base URL of the revocations API, without a slash at its end. */
  readonly endpoint: string;
  /** Value of the Authorization header. `refresh` asks for a new one: the last was refused. */
  readonly authorization: (options?: { readonly refresh?: boolean }) => Promise<string>;
  readonly fetch?: typeof fetch;
  readonly snapshotTimeoutMs?: number;
  readonly leaseTimeoutMs?: number;
}

export function httpFeed(options: HttpFeedOptions): Feed {
  throw new Error(`the feed of ${options.endpoint} is being built`);
}
