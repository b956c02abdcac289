import { InvalidArgumentError } from "commander";

/** For an option that may be given more than once. */
export const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

type Pairs = Readonly<Record<string, string>>;

/**
 * Returns what reads an option that names something and says what it is, as in `orders.read=See your orders`, and may be given more than
 * once. `at`: which = parts the two, where one of them may have others: a text behind a name, or an identifier (a URL) before.
 */
const pairs =
  (at: (text: string) => number) =>
  (value: string, before: Pairs = {}): Record<string, string> => {
    const place = at(value);
    if (place > 0 && place < value.length - 1)
      return { ...before, [value.slice(0, place)]: value.slice(place + 1) };
    throw new InvalidArgumentError("Give it as NAME=VALUE.");
  };

export const collectNamed = pairs((text) => text.indexOf("="));
export const collectIdentified = pairs((text) => text.lastIndexOf("="));

export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (Number.isInteger(seconds) && seconds > 0) return seconds;
  throw new InvalidArgumentError("Give whole seconds, more than 0.");
}
