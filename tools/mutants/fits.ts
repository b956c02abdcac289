import { repository, type Tree } from "../workspace.ts";
import { MUTANTS } from "./list.ts";
import type { Mutant } from "./mutant.ts";

/** Complaints about mistakes that can no longer be put in, or whose tests are gone, one a line. */
export function unfitMutants(
  tree: Tree = repository,
  mutants: readonly Mutant[] = MUTANTS,
): readonly string[] {
  return mutants.flatMap((mutant) => [
    ...misplaced(tree, mutant),
    ...unknownNames(tree, mutant),
    ...withoutTests(tree, mutant),
  ]);
}

/** A text that is gone would change nothing, and its mutant would seem to survive; one that stands twice says too little. */
function misplaced(tree: Tree, { name, file, edits }: Mutant): readonly string[] {
  if (!tree.has(file)) return [`mutant ${name}: there is no ${file}`];
  const source = tree.readText(file);
  return edits
    .map(([found]) => [found, source.split(found).length - 1] as const)
    .filter(([, times]) => times !== 1)
    .map(([found, times]) => `mutant ${name}: ${file} has ${times} times ${JSON.stringify(found)}, not once`);
}

/** Names that stand for themselves: not members of something. */
const FREE_NAME = /(?<![.\w$#])[A-Za-z_$][\w$]*/g;
const TEXT = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\/\/.*|\/\*[\s\S]*?\*\//g;
/** What an edit brings along: constants, and parameters of arrow functions. */
const DECLARED = /\b(?:const|let)\s+(?:\w+|\{[^}]*\}|\[[^\]]*\])|\(?[\w\s,{}:]*\)?\s*=>|\(\w+:/g;
const KEYWORDS = new Set(
  "as async await const else false for if in let new null object of return this throw true typeof undefined void ReturnType".split(
    " ",
  ),
);

const freeNamesOf = (source: string): ReadonlySet<string> =>
  new Set(source.replace(TEXT, "").match(FREE_NAME) ?? []);

/** A name that is not there throws: every test fails then, whatever it looks at, and the mutant seems to be killed. */
function unknownNames(tree: Tree, { name, file, edits }: Mutant): readonly string[] {
  if (!tree.has(file)) return [];
  const brought = edits.flatMap(([, instead]) => instead.match(DECLARED) ?? []).join(" ");
  const known = freeNamesOf(`${tree.readText(file)} ${brought}`);
  return edits
    .flatMap(([, instead]) => [...freeNamesOf(instead)])
    .filter((word) => !known.has(word) && !KEYWORDS.has(word) && !(word in globalThis))
    .map((word) => `mutant ${name}: ${file} has nothing that is called ${word}`);
}

const withoutTests = (tree: Tree, { name, tests }: Mutant): readonly string[] =>
  tests.filter((test) => !tree.has(test)).map((test) => `mutant ${name}: there is no ${test}`);
