import type { Log, LogEvent } from "@portcullis/protocol";

export type RecordedEvent = LogEvent & { readonly level: keyof Log };

/** A log that keeps what it is told, for a test to look at. */
export class RecordedLog implements Log {
  readonly events: RecordedEvent[] = [];

  readonly info = (event: LogEvent): void => this.#add("info", event);
  readonly warn = (event: LogEvent): void => this.#add("warn", event);
  readonly error = (event: LogEvent): void => this.#add("error", event);

  /** Level and name of each, in their order: `warn storage_space_low`. */
  get told(): string[] {
    return this.events.map(({ level, event }) => `${level} ${event}`);
  }

  /** Returns what was told under this name. */
  named(name: string): RecordedEvent[] {
    return this.events.filter(({ event }) => event === name);
  }

  #add(level: keyof Log, event: LogEvent): void {
    this.events.push({ ...event, level });
  }
}

/** Returns a log that passes on every event, whatever its level. */
export const logTo = (tell: (event: LogEvent) => void): Log => ({
  info: (event) => tell(event),
  warn: (event) => tell(event),
  error: (event) => tell(event),
});
