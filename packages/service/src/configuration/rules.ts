import type { Problem, SettingPath } from "./problems.ts";

/** A rule between settings: what the schema of one of them alone cannot tell. */
export interface Rule<Written> {
  /**
   * What it looks at, as `listen.port`; `routes[].audience` for a rule about one element at a time, and `routes[*].audience` for
   * what it reads of all. It runs only where none of that has a problem of its own, so that it need not doubt what it reads, and
   * nothing is said twice.
   */
  readonly reads: readonly string[];
  /** `at` is the element's index, for a rule that reads elements. */
  readonly check: (written: Written, at: number) => readonly Problem[];
}

/** Returns what the rules say of settings that are sound where the rules look. `unsound` has the paths that are not. */
export function checkRules<Written>(
  rules: readonly Rule<Written>[],
  written: Written,
  unsound: readonly SettingPath[],
): Problem[] {
  return rules.flatMap((rule) => {
    const reads = rule.reads.map(partsOf);
    return elementsFor(reads, written)
      .filter((at) => !reads.some((path) => isTouched(withIndex(path, at), unsound)))
      .flatMap((at) => rule.check(written, at));
  });
}

/** Returns a rule that each element of a list has another value of a member. `spelling` makes equal what counts as equal. */
export function eachOnce<Written>(
  list: string,
  member: string,
  spelling = (value: string): string => value,
): Rule<Written> {
  const memberOf = (element: unknown): unknown => (element as Record<string, unknown> | null)?.[member];
  const spell = (value: unknown): unknown =>
    typeof value === "string" ? spelling(value) : Symbol("no text");
  return {
    reads: [`${list}[].${member}`],
    check(written, at) {
      const elements = (written as Record<string, readonly unknown[]>)[list]!;
      const value = memberOf(elements[at]);
      const earlier = elements.findIndex((element) => spell(memberOf(element)) === spell(value));
      if (earlier === at || earlier < 0) return [];
      const message = `found ${JSON.stringify(value)}, which ${list}[${earlier}] has already; give each ${member} once`;
      return [{ path: [list, at, member], message }];
    },
  };
}

const ONCE = [-1];

function elementsFor(reads: readonly (readonly string[])[], written: unknown): readonly number[] {
  const list = reads.find((path) => path.includes("[]"));
  if (list === undefined) return ONCE;
  const elements = (written as Record<string, unknown> | undefined)?.[list[0]!];
  return Array.isArray(elements) ? [...elements.keys()] : [];
}

const partsOf = (text: string): string[] => text.replaceAll("[", ".[").split(".");
const withIndex = (path: readonly string[], at: number): SettingPath =>
  path.map((part) => (part === "[]" ? at : part));

const isTouched = (path: SettingPath, unsound: readonly SettingPath[]): boolean =>
  unsound.some((other) => {
    const shorter = Math.min(path.length, other.length);
    return path.slice(0, shorter).every((part, at) => part === "[*]" || part === other[at]);
  });
