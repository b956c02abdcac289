/** What one caller may do in a window of time. Windows begin with the first that is counted in them. */
export interface RateLimit {
  /** Counts one. Gives how long to wait when it was one too many, and 0 when it was not. Never throws. */
  take(caller: string): Promise<{ readonly retryAfterMs: number }>;
}

export interface RateLimitOptions {
  readonly most: number;
  readonly windowMs: number;
}

export const ALLOWED = { retryAfterMs: 0 } as const;
