import type { Log, LogEvent } from "@portcullis/protocol";

/**
 * Where a guard speaks that was given no log: the console of the service, in sentences, and only what the service's owner
 * has to know. A guard that says nothing answers 503 for ever, and nobody learns why.
 */
export const consoleLog: Log = {
  info: (event) => print(event),
  warn: (event) => print(event),
  error: (event) => print(event),
};

/** What was made for people says which guard it is of, and has a message. */
function print({ message, remedy, guard }: LogEvent): void {
  if (typeof guard !== "string" || typeof message !== "string") return;
  const text = typeof remedy === "string" ? `${message} ${remedy}` : message;
  // biome-ignore lint/suspicious/noConsole: a library speaks here, in a process that is not ours
  console.warn(`portcullis guard ${JSON.stringify(guard)}: ${text}`);
}
