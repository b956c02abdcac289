/** docs/reference/errors.md, made from the error catalogues in the sources. */
import { filesBelow, readText } from "./workspace.ts";

export const ERROR_REFERENCE = "docs/reference/errors.md";

interface DocumentedError {
  readonly where: string;
  readonly code: string;
  readonly status: string;
  readonly text: string;
}

const ENTRY = /^\s*"?([a-z][a-z_]*)"?:\s*\{\s*status:\s*(\d{3}),\s*text:\s*"((?:[^"\\]|\\.)*)",?\s*\},?/gm;

export function renderErrorReference(): string {
  const rows = errorsInSources().map(
    ({ where, code, status, text }) => `| ${where} | \`${code}\` | ${status} | ${text} |`,
  );
  return [
    "# Errors",
    "",
    "Every error that a package of Portcullis makes on purpose. Branch on the code; the text may change. This page",
    "is generated from the catalogues (`npm run check -- --write`).",
    "",
    "| package | code | HTTP status | text |",
    "|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

function errorsInSources(): DocumentedError[] {
  return ["packages", "apps"]
    .flatMap((folder) => filesBelow(folder, /\.ts$/))
    .filter((path) => path.includes("/src/") && readText(path).includes("errorsOf("))
    .flatMap(errorsIn)
    .sort((left, right) => `${left.where}${left.code}`.localeCompare(`${right.where}${right.code}`));
}

function errorsIn(path: string): DocumentedError[] {
  const where = path.split("/")[1]!;
  // The formatter may break an entry over lines; the pattern reads one entry whatever the white space.
  return [...readText(path).matchAll(ENTRY)].map(([, code, status, text]) => ({
    where,
    code: code!,
    status: status!,
    text: text!.replaceAll('\\"', '"').replaceAll("|", "\\|"),
  }));
}
