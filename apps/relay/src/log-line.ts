/** A structured event: a name, and details that are never a token, a secret or a key. */
export interface RelayEvent {
  readonly event: string;
  readonly [detail: string]: unknown;
}

export type Report = (event: RelayEvent) => void;

export interface ReportOptions {
  readonly write: (line: string) => void;
  readonly nowMs: () => number;
}

/** One line of JSON an event. */
export function createReport({ write, nowMs }: ReportOptions): Report {
  return (event) => {
    const line = { time: new Date(nowMs()).toISOString(), ...event };
    write(`${JSON.stringify(line, (_key, value) => (value instanceof Error ? value.message : value))}\n`);
  };
}
