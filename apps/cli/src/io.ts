/** All that the command has of the world, so that a test can be the world. */
export interface Io {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly fetch: typeof fetch;
  /** Whether a person reads standard output. */
  readonly isTerminal: boolean;
  /** Of the terminal. */
  readonly columns: () => number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Resolves after so long, or at once when the signal aborts. */
  readonly delay: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Aborts when the person has had enough (Ctrl-C). */
  readonly signal: AbortSignal;
  /** Gives whether there is a browser, which then opens; absent where there is none. */
  readonly openBrowser?: (url: URL) => boolean;
  /** Asks the person; absent when there is none to ask. */
  readonly ask?: (question: string) => Promise<string>;
}
