/**
 * Documentation is tested: generated pages are current, every link leads somewhere, every npm command exists,
 * every scope, mode, reason and event of the log is explained, the README's status table has every row, and a source file that a page or a comment
 * names is there.
 */
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { MODES, REASONS, SCOPES } from "@portcullis/protocol";
import { unexplainedEvents } from "./check-events.ts";
import { ERROR_REFERENCE, renderErrorReference, unreadableErrors } from "./error-reference.ts";
import { repository, type Tree } from "./workspace.ts";

const REVOCATION_WORDS = "docs/reference/revocations.md";
const HEART_ROWS = 17;

export function checkDocs(tree: Tree = repository): string[] {
  const pages = tree.filesBelow(".", /\.md$/);
  return [
    ...staleErrorReference(tree),
    ...unreadableErrors(tree),
    ...pages.flatMap((page) => [
      ...brokenLinks(tree, page),
      ...unknownCommands(tree, page),
      ...missingTests(tree, page),
      ...wrongLogLines(tree, page),
    ]),
    ...unexplainedWords(tree),
    ...unexplainedEvents(tree),
    ...missingStatusRows(tree),
    ...missingFiles(tree),
  ];
}

export function writeErrorReference(tree: Tree = repository): void {
  writeFileSync(join(tree.root, ERROR_REFERENCE), renderErrorReference(tree));
}

function staleErrorReference(tree: Tree): string[] {
  const current = tree.has(ERROR_REFERENCE) ? tree.readText(ERROR_REFERENCE) : "";
  return current === renderErrorReference(tree)
    ? []
    : [`${ERROR_REFERENCE} is not current; run: npm run check -- --write`];
}

function brokenLinks(tree: Tree, page: string): string[] {
  return [...tree.readText(page).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
    .map((match) => match[1]!)
    .filter((target) => !/^[a-z]+:/.test(target) && !tree.has(join(dirname(page), target)))
    .map((target) => `${page}: the link to ${target} leads nowhere`);
}

/** A test that a page names as its proof: a file without its ending, or a folder. */
function missingTests(tree: Tree, page: string): string[] {
  return [...tree.readText(page).matchAll(/`((?:packages|apps)\/[\w/-]+\/test\/[\w./-]+)`/g)]
    .map((match) => match[1]!)
    .filter((name) => ![name, `${name}.test.ts`, `${name}.property.test.ts`].some((path) => tree.has(path)))
    .map((name) => `${page}: there is no test ${name}`);
}

/** What each line of the log begins with: packages/service/src/log/create-log.ts. */
const LOG_LINE = /^\{"level":"[a-z]+","time":"[^"]*","process":"[a-z-]+","pid":\d+,"event":"[a-z_]+"/;

/** A line of the log that a page shows, in another form than the log has it: whoever searches for that finds nothing. */
function wrongLogLines(tree: Tree, page: string): string[] {
  return [...tree.readText(page).matchAll(/^\{"level":.*$/gm)]
    .filter(([line]) => !LOG_LINE.test(line))
    .map(
      ([line]) => `${page}: a line of the log begins with level, time, process, pid, event; found ${line}`,
    );
}

function unknownCommands(tree: Tree, page: string): string[] {
  const scripts = Object.keys(JSON.parse(tree.readText("package.json")).scripts);
  return [...tree.readText(page).matchAll(/\bnpm run ([\w:-]+)/g)]
    .map((match) => match[1]!)
    .filter((script) => !scripts.includes(script))
    .map((script) => `${page}: there is no command "npm run ${script}"`);
}

function unexplainedWords(tree: Tree): string[] {
  const page = tree.readText(REVOCATION_WORDS);
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

function missingStatusRows(tree: Tree): string[] {
  const readme = tree.readText("README.md");
  return Array.from({ length: HEART_ROWS }, (_, index) => `A${index + 1}`)
    .filter((row) => !new RegExp(`^\\| ${row} \\|`, "m").test(readme))
    .map((row) => `README.md: the status table has no row ${row}`);
}

/** Files that moved or were renamed, and are still called by their earlier name or place. */
function missingFiles(tree: Tree): string[] {
  const present = tree.filesBelow(".", /\.[cm]?tsx?$/).map((path) => `/${path}`);
  const isThere = (name: string) => present.some((path) => endingsOf(name).some((end) => path.endsWith(end)));
  const named = tree.filesBelow(".", /\.(?:[cm]?tsx?|md)$/).flatMap((path) => filesNamedIn(tree, path));
  const missing = new Set([...new Set(named.map(({ name }) => name))].filter((name) => !isThere(name)));
  return named
    .filter(({ name }) => missing.has(name))
    .map(({ path, name }) => `${path}: there is no file ${name}`);
}

/** A part may be named without its `src`: `protocol/feed.ts`. */
const endingsOf = (name: string): string[] => [`/${name}`, `/${name.replace("/", "/src/")}`];

/** In pages everywhere, in sources in the comments that have lines of their own. */
function filesNamedIn(tree: Tree, path: string): { readonly path: string; readonly name: string }[] {
  const text = tree.readText(path);
  const read = path.endsWith(".md") ? text : (text.match(/^[ \t]*(?:\/\/|\/?\*).*$/gm) ?? []).join("\n");
  return [...read.matchAll(/(?<![\w./@-])(?:\.{1,2}\/)*([a-z][\w-]*(?:\/[\w.-]+)*\.tsx?)\b/g)].map(
    (match) => ({
      path,
      name: match[1]!,
    }),
  );
}
