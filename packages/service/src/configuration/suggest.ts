import leven from "leven";
import { textOfPath } from "./problems.ts";
import { isPrefix, type Setting } from "./settings.ts";

/** Returns the setting that an unknown one was meant to be, as far as one can tell: nearly spelt so here, or spelt so elsewhere. */
export function suggestionFor(
  path: readonly PropertyKey[],
  settings: readonly Setting[],
): string | undefined {
  const name = String(path.at(-1));
  const here = settings.filter(
    (setting) => setting.path.length === path.length && isPrefix(path.slice(0, -1), setting.path),
  );
  const near = nearest(
    name,
    here.map(({ path: known }) => known.at(-1)!),
  );
  if (near !== undefined) return textOfPath([...path.slice(0, -1), near]);
  const elsewhere = settings.find(({ path: known }) => known.at(-1)!.toLowerCase() === name.toLowerCase());
  return elsewhere && textOfPattern(elsewhere.path);
}

/** Returns the known name that is nearest, if it is near enough to be meant. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const distance = (other: string): number => leven(name.toLowerCase(), other.toLowerCase());
  const [best] = known.toSorted((left, right) => distance(left) - distance(right));
  return best !== undefined && distance(best) <= Math.max(1, Math.floor(name.length / 3)) ? best : undefined;
}

/** Returns `routes[].name`. */
export const textOfPattern = (path: readonly string[]): string =>
  path.reduce((text, part) => (part === "[]" ? `${text}[]` : text === "" ? part : `${text}.${part}`), "");
