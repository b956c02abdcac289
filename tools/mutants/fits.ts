import { repository, type Tree } from "../workspace.ts";
import { MUTANTS } from "./list.ts";
import type { Mutant } from "./mutant.ts";

/** Complaints about mistakes that can no longer be put in, or whose tests are gone, one a line. */
export function unfitMutants(
  tree: Tree = repository,
  mutants: readonly Mutant[] = MUTANTS,
): readonly string[] {
  return mutants.flatMap((mutant) => [...misplaced(tree, mutant), ...withoutTests(tree, mutant)]);
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

const withoutTests = (tree: Tree, { name, tests }: Mutant): readonly string[] =>
  tests.filter((test) => !tree.has(test)).map((test) => `mutant ${name}: there is no ${test}`);
