/** Returns what a line says of an error: type, code, text, place and cause. Texts pass `withoutSecrets`. */
export function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { text: withoutSecrets(String(error)) };
  const { code, detail } = error as { code?: unknown; detail?: unknown };
  const cause = error.cause === undefined ? {} : { cause: describeError(error.cause) };
  const at = error.stack
    ?.split("\n")
    .slice(1, 4)
    .map((line) => withoutSecrets(line.trim().replace(/^at /, "")));
  return { type: error.name, code, text: cutText(error.message), detail: cutText(detail), at, ...cause };
}

const cutText = (value: unknown): unknown => (typeof value === "string" ? withoutSecrets(value) : value);

/** Cuts out whatever is as long and as random as our secrets. Paths of source files, with their dots and slashes, stay. */
export function withoutSecrets(text: string): string {
  return text.replace(/(?<![\w/.-])[\w-]{20,}(?:\.[\w-]{10,})*(?![\w/])/g, (word) =>
    /\d/.test(word) && /[A-Za-z]/.test(word) ? "[cut]" : word,
  );
}
