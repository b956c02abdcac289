import { InvalidArgumentError } from "commander";

/** A point in time, as the API takes it. */
export function parseTime(text: string): string {
  const at = Date.parse(text);
  if (!Number.isNaN(at)) return new Date(at).toISOString();
  throw new InvalidArgumentError("Give a time such as 2026-03-08T12:00:00Z.");
}
