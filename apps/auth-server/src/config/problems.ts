/** One thing that is wrong with the configuration, with the dotted path of the field. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

export function dottedPath(parts: readonly PropertyKey[]): string {
  return parts.map(String).join(".") || "(file)";
}

export function describeProblems(problems: readonly Problem[]): string {
  return problems.map(({ path, message }) => `${path}: ${message}`).join("; ");
}
