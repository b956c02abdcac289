import { type ErrorCode, parseDocument, type YAMLError } from "yaml";
import type { Problem } from "./problems.ts";

interface ReadText {
  readonly value: unknown;
  readonly problems: readonly Problem[];
}

/** Mistakes in words of ours: the parser's own texts quote what they found, which may be a secret, and speak of its insides. */
const WORDS: Partial<Record<ErrorCode, string>> = {
  BAD_ALIAS: "found an alias (*) without its anchor; put text that begins with * or & in quotes",
  TAG_RESOLVE_FAILED: "found a tag (!) that means nothing here; put text that begins with ! in quotes",
  BAD_DQ_ESCAPE: "found a backslash (\\\\) that escapes nothing; put the text in single quotes",
  UNEXPECTED_TOKEN: "found something that is not YAML; look at quotes, brackets and indentation",
  MULTILINE_IMPLICIT_KEY: "a comma or a quote is missing before the next name; add it",
  BLOCK_AS_IMPLICIT_KEY: "found a second colon; put text that has one in quotes",
  TAB_AS_INDENT: "found a tab; indent with spaces",
};

/** Where the parser loses its way: what it says after the first of these follows from it. */
const LOST: ReadonlySet<ErrorCode> = new Set([
  "MISSING_CHAR",
  "BAD_INDENT",
  "BLOCK_IN_FLOW",
  "MULTILINE_IMPLICIT_KEY",
  "BLOCK_AS_IMPLICIT_KEY",
  "UNEXPECTED_TOKEN",
]);

/** Returns what YAML text says; JSON is YAML. Keys that are there twice are a problem, since one of them would be ignored. */
export function readYaml(text: string): ReadText {
  const document = parseDocument(text, { uniqueKeys: true, prettyErrors: true, version: "1.2" });
  const mistakes = [...document.errors, ...document.warnings];
  const lostAt = mistakes.findIndex(({ code }) => LOST.has(code));
  const problems = mistakes.filter(({ code }, at) => !LOST.has(code) || at === lostAt).map(problemOf);
  if (problems.length > 0) return { value: undefined, problems };
  try {
    return { value: document.toJS({ maxAliasCount: 100 }), problems };
  } catch {
    return { value: undefined, problems: [{ path: "an alias", message: WORDS.BAD_ALIAS! }] };
  }
}

function problemOf({ code, linePos, message }: YAMLError): Problem {
  const { line, col } = linePos?.[0] ?? { line: 1, col: 1 };
  const words = missingSign(message) ?? WORDS[code] ?? ownTextOf(message);
  return { path: `line ${line}, column ${col}`, message: words };
}

const ownTextOf = (message: string): string =>
  message.split("\n")[0]!.replace(/ at line \d+, column \d+:?$/, "");

/** The sign that ends a list, a map or a text and is not there. */
function missingSign(message: string): string | undefined {
  const sign = /(?:end with a |Missing closing )(["'}\]])/.exec(message)?.[1];
  return sign === undefined ? undefined : `a closing ${sign} is missing before this place; add it`;
}
