import { describeError, withoutSecrets } from "@portcullis/service";

/** One thing that happened. Values are names, codes and numbers: never a token, a code, a password or a URL. */
export interface ReportedEvent {
  readonly event: string;
  /** Written as its type, code, text and place. */
  readonly error?: unknown;
  readonly [detail: string]: unknown;
}

export type Report = (event: ReportedEvent) => void;

export interface ReportOptions {
  readonly write: (line: string) => void;
  readonly nowMs: () => number;
}

export function createReport({ write, nowMs }: ReportOptions): Report {
  return ({ error, ...event }) => {
    const line = {
      time: new Date(nowMs()).toISOString(),
      ...event,
      ...(error === undefined ? {} : { error: describeError(error) }),
    };
    write(
      `${JSON.stringify(line, (_key, value) => (typeof value === "string" ? withoutSecrets(value) : value))}\n`,
    );
  };
}
