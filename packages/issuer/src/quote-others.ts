/**
 * Text that somebody else sent, for an error that says what was found. Errors end up in log lines: whoever answers in an
 * issuer's place must not be able to fill a log, or to make one of its lines look like two.
 */
const MAX_QUOTED = 200;

/** Returns the text on one line of plain ASCII, cut after 200 characters. */
export function quoteText(text: string): string {
  const printable = text.slice(0, MAX_QUOTED).replace(/[^\x20-\x7e]/g, "?");
  return text.length > MAX_QUOTED ? `${printable}...` : printable;
}

/** Returns a value of somebody else's JSON as JSON, cut in the same way. */
export const quoteValue = (value: unknown): string => quoteText(String(JSON.stringify(value)));
