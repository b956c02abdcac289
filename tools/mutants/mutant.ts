/** One mistake, as a change of the source. */
export interface Mutant {
  readonly name: string;
  /** What is wrong, and what it would lead to. */
  readonly says: string;
  /** Path from the repository's root. */
  readonly file: string;
  /** Texts that stand in the file exactly once, and what stands there instead. */
  readonly edits: readonly (readonly [found: string, instead: string])[];
  /** Test files of which at least one must fail. */
  readonly tests: readonly string[];
}

/** The source with the mistake in it. */
export const mutated = (source: string, { edits }: Mutant): string =>
  edits.reduce((text, [found, instead]) => text.replace(found, () => instead), source);
