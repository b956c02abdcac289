import { InvalidArgumentError } from "commander";

/** For an option that may be given more than once. */
export const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** For an option that names something and says what it is, as in `orders.read=See your orders`, and may be given more than once. */
export function collectPairs(
  value: string,
  before: Readonly<Record<string, string>> = {},
): Record<string, string> {
  // The last one: an identifier is a URL and may have a = itself; what follows it has none.
  const at = value.lastIndexOf("=");
  if (at > 0 && at < value.length - 1) return { ...before, [value.slice(0, at)]: value.slice(at + 1) };
  throw new InvalidArgumentError("Give it as NAME=VALUE.");
}

export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (Number.isInteger(seconds) && seconds > 0) return seconds;
  throw new InvalidArgumentError("Give whole seconds, more than 0.");
}
