import { InvalidArgumentError } from "commander";

const LONGEST_WAIT_SECONDS = 30;

export function parseWait(text: string): number {
  const seconds = Number(text);
  if (/^\d+$/.test(text) && seconds <= LONGEST_WAIT_SECONDS) return seconds;
  throw new InvalidArgumentError(`Give whole seconds from 0 to ${LONGEST_WAIT_SECONDS}.`);
}

/** A seq, or how many. */
export function parseCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count > 0 && Number.isSafeInteger(count)) return count;
  throw new InvalidArgumentError("Give a whole number, 1 or more.");
}
