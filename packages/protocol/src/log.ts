/** One thing that happened: its name, and details that are never a token, a secret, a key or a query string. */
export interface LogEvent {
  /** In snake_case, and stable: what a search or an alert looks for. */
  readonly event: string;
  /** What went wrong, as it was caught; who writes the line says how much of it is shown. */
  readonly error?: unknown;
  readonly [detail: string]: unknown;
}

/**
 * Where a part says what happens in the background. A pino logger is one, and so is `console`.
 *
 * The level says who must act: `info` nobody, `warn` somebody soon, since something works less well than it should,
 * `error` somebody now.
 */
export interface Log {
  info(event: LogEvent): void;
  warn(event: LogEvent): void;
  error(event: LogEvent): void;
}

/** A log that nobody reads: the default of parts that work without one. */
export const silentLog: Log = Object.freeze({ info() {}, warn() {}, error() {} });
