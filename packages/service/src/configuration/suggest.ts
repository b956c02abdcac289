import leven from "leven";
import { type SettingPath, textOfPath } from "./problems.ts";
import { isPrefix, type Setting } from "./settings.ts";

interface Suggestion {
  readonly path: SettingPath;
  readonly text: string;
}

/** Returns the setting that an unknown one was meant to be, as far as one can tell: nearly spelt so here, or spelt so elsewhere. */
export function suggestionFor(path: SettingPath, settings: readonly Setting[]): Suggestion | undefined {
  const name = String(path.at(-1));
  const here = settings.filter(
    (setting) => setting.path.length === path.length && isPrefix(path.slice(0, -1), setting.path),
  );
  const near = nearest(
    name,
    here.map(({ path: known }) => known.at(-1)!),
  );
  if (near !== undefined) {
    const meant = [...path.slice(0, -1), near];
    return { path: meant, text: textOfPath(meant) };
  }
  const elsewhere = settings.find(({ path: known }) => known.at(-1)!.toLowerCase() === name.toLowerCase());
  return elsewhere && { path: elsewhere.path, text: textOfPattern(elsewhere.path) };
}

/** Returns the known name that is nearest, if it is near enough to be meant. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const distance = (other: string): number => distanceBetween(name.toLowerCase(), other.toLowerCase());
  const [best] = known.toSorted((left, right) => distance(left) - distance(right));
  return best !== undefined && distance(best) <= Math.max(1, Math.floor(name.length / 3)) ? best : undefined;
}

/** Two neighbours that changed places are one slip of the fingers: `prot`. */
function distanceBetween(left: string, right: string): number {
  const isSwap = [...left].some(
    (_, at) => left.slice(0, at) + left.charAt(at + 1) + left.charAt(at) + left.slice(at + 2) === right,
  );
  return isSwap ? 1 : leven(left, right);
}

/** Returns `routes[].name`. */
export const textOfPattern = (path: readonly string[]): string =>
  path.reduce((text, part) => (part === "[]" ? `${text}[]` : text === "" ? part : `${text}.${part}`), "");
