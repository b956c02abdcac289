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

function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { text: String(error) };
  const { code, detail } = error as { code?: unknown; detail?: unknown };
  const cause = error.cause === undefined ? {} : { cause: describeError(error.cause) };
  const at = error.stack
    ?.split("\n")
    .slice(1, 4)
    .map((line) => line.trim().replace(/^at /, ""));
  return { type: error.name, code, text: error.message, detail, at, ...cause };
}

/** Whatever is as long and as random as our secrets. Paths of source files, with their dots and slashes, stay. */
function withoutSecrets(text: string): string {
  return text.replace(/(?<![\w/.-])[\w-]{20,}(?:\.[\w-]{10,})*(?![\w/])/g, (word) =>
    /\d/.test(word) && /[A-Za-z]/.test(word) ? "[cut]" : word,
  );
}
