/** What the authorization server made of its configuration file at this start, and what of the file it did not take. */

interface SeedEvent {
  readonly event?: string;
  readonly apis?: readonly string[];
  readonly apps?: readonly string[];
  readonly users?: readonly string[];
  readonly more?: number;
  readonly api?: string;
  readonly app?: string;
  readonly fields?: readonly string[];
  readonly text?: string;
}

/** Returns a line for each: whoever has edited the file looks at the console, and not into the log. */
export const seedLines = (log: string, file: string): readonly string[] =>
  log.split("\n").flatMap((line) => lineOf(parsed(line), file));

function lineOf(event: SeedEvent, file: string): readonly string[] {
  if (event.event === "seeded") return [`Created from ${file}: ${madeOf(event)}.`];
  if (event.event !== "file_differs") return [];
  const entry = event.app === undefined ? `the API ${event.api}` : `the app ${event.app}`;
  return [`Not taken from ${file}: ${entry}, ${event.fields?.join(", ")}: ${event.text}`];
}

function madeOf({ apis, apps, users, more }: SeedEvent): string {
  const names = (apis ?? apps ?? users ?? []).join(", ");
  const kind = apis !== undefined ? "APIs" : apps !== undefined ? "apps" : "users";
  return `${kind} ${names}${more === undefined ? "" : ` and ${more} more`}`;
}

function parsed(line: string): SeedEvent {
  try {
    return JSON.parse(line) as SeedEvent;
  } catch {
    // A line that is none of ours, or one that is cut off.
    return {};
  }
}
