/** docs/reference/errors.md, made from the error catalogues in the sources. */
import type { Tree } from "./workspace.ts";

export const ERROR_REFERENCE = "docs/reference/errors.md";

interface DocumentedError {
  readonly where: string;
  readonly code: string;
  readonly status: string;
  readonly text: string;
}

const ENTRY =
  /^\s*"?([a-z][a-z_]*)"?:\s*\{\s*status:\s*(\d{3}),\s*text:\s*(?:"((?:[^"\\]|\\.)*)"|'([^'\\]*)'),?\s*\},?/gm;
/** What begins as an entry does, whether or not it can be read to its end. */
const ENTRY_BEGINS = /\{\s*status:\s*\d{3},\s*text:/g;

export function renderErrorReference(tree: Tree): string {
  const rows = cataloguesIn(tree)
    .flatMap((path) => errorsIn(tree, path))
    .sort((left, right) => `${left.where}${left.code}`.localeCompare(`${right.where}${right.code}`))
    .map(({ where, code, status, text }) => `| ${where} | \`${code}\` | ${status} | ${text} |`);
  return [
    "# Errors",
    "",
    "Every error that a package of Portcullis makes on purpose. Branch on the code; the text may change. This page",
    "is generated from the catalogues (`npm run check -- --write`).",
    "",
    "A package that is installed exports its catalogue, the union of its codes, and a function that tells its errors",
    "from others:",
    "",
    "| package | catalogue | codes | of its errors |",
    "|---|---|---|---|",
    ...publicCatalogues(tree),
    "",
    "```ts",
    'import { isGuardError } from "@portcullis/guard";',
    "",
    "try {",
    "  guard = connect(settings);",
    "} catch (error) {",
    "  if (!isGuardError(error)) throw error;",
    "  // error.code is the union GuardErrorCode: a switch over it can be exhaustive.",
    '  if (error.code === "invalid_configuration") console.error(error.message);',
    "}",
    "```",
    "",
    "| package | code | HTTP status | text |",
    "|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

/** Rows of the packages that export what their users branch on. */
function publicCatalogues(tree: Tree): string[] {
  return cataloguesIn(tree).flatMap((path) => {
    const text = tree.readText(path);
    const [, catalogue] = /^export const ([A-Z_]+_ERRORS) = \{/m.exec(text) ?? [];
    const [, codes] = /^export type (\w+ErrorCode) =/m.exec(text) ?? [];
    const [, test] = /^export const (is\w+Error) = isErrorOf\(/m.exec(text) ?? [];
    if (catalogue === undefined || codes === undefined || test === undefined) return [];
    const name = `@portcullis/${path.split("/")[1]}`;
    return [`| \`${name}\` | \`${catalogue}\` | \`${codes}\` | \`${test}(error)\` |`];
  });
}

/** Entries that are written in a way that this page would silently lack. */
export function unreadableErrors(tree: Tree): string[] {
  return cataloguesIn(tree)
    .map((path) => ({
      path,
      lost: [...tree.readText(path).matchAll(ENTRY_BEGINS)].length - errorsIn(tree, path).length,
    }))
    .filter(({ lost }) => lost > 0)
    .map(
      ({ path, lost }) => `${path}: ${lost} errors are written in a way that the error reference cannot read`,
    );
}

const cataloguesIn = (tree: Tree): string[] =>
  ["packages", "apps"]
    .flatMap((folder) => tree.filesBelow(folder, /\.ts$/))
    .filter((path) => path.includes("/src/") && tree.readText(path).includes("errorsOf("));

function errorsIn(tree: Tree, path: string): DocumentedError[] {
  const where = path.split("/")[1]!;
  // The formatter may break an entry over lines; the pattern reads one entry whatever the white space.
  return [...tree.readText(path).matchAll(ENTRY)].map(([, code, status, double, single]) => ({
    where,
    code: code!,
    status: status!,
    text: (double ?? single)!.replaceAll('\\"', '"').replaceAll("|", "\\|"),
  }));
}
