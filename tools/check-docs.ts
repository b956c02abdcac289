/**
 * Documentation is tested: generated pages are current, every link leads somewhere, every npm command exists,
 * every scope, mode and reason is explained, and the README's status table has every row.
 */
import { existsSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { MODES, REASONS, SCOPES } from "@portcullis/protocol";
import { ERROR_REFERENCE, renderErrorReference } from "./error-reference.ts";
import { filesBelow, readText, root } from "./workspace.ts";

const REVOCATION_WORDS = "docs/reference/revocations.md";
const HEART_ROWS = 17;

export function checkDocs(): string[] {
  if (process.argv.includes("--write")) writeFileSync(join(root, ERROR_REFERENCE), renderErrorReference());
  const pages = filesBelow(".", /\.md$/);
  return [
    ...staleErrorReference(),
    ...pages.flatMap(brokenLinks),
    ...pages.flatMap(unknownCommands),
    ...unexplainedWords(),
    ...missingStatusRows(),
  ];
}

function staleErrorReference(): string[] {
  const current = existsSync(join(root, ERROR_REFERENCE)) ? readText(ERROR_REFERENCE) : "";
  return current === renderErrorReference()
    ? []
    : [`${ERROR_REFERENCE} is not current; run: npm run check -- --write`];
}

function brokenLinks(page: string): string[] {
  return [...readText(page).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
    .map((match) => match[1]!)
    .filter((target) => !/^[a-z]+:/.test(target) && !existsSync(join(root, dirname(page), target)))
    .map((target) => `${page}: the link to ${target} leads nowhere`);
}

function unknownCommands(page: string): string[] {
  const scripts = Object.keys(JSON.parse(readText("package.json")).scripts);
  return [...readText(page).matchAll(/\bnpm run ([\w:-]+)/g)]
    .map((match) => match[1]!)
    .filter((script) => !scripts.includes(script))
    .map((script) => `${page}: there is no command "npm run ${script}"`);
}

function unexplainedWords(): string[] {
  const page = readText(REVOCATION_WORDS);
  const listed = new Set([...page.matchAll(/^\| `([\w-]+)` \|/gm)].map((match) => match[1]!));
  const words = new Set<string>([...SCOPES, ...MODES, ...REASONS]);
  return [
    ...[...words]
      .filter((word) => !listed.has(word))
      .map((word) => `${REVOCATION_WORDS}: \`${word}\` is not explained`),
    ...[...listed]
      .filter((word) => !words.has(word))
      .map((word) => `${REVOCATION_WORDS}: \`${word}\` does not exist`),
  ];
}

function missingStatusRows(): string[] {
  const readme = readText("README.md");
  return Array.from({ length: HEART_ROWS }, (_, index) => `A${index + 1}`)
    .filter((row) => !new RegExp(`^\\| ${row} \\|`, "m").test(readme))
    .map((row) => `README.md: the status table has no row ${row}`);
}
