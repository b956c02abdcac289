import { type ErrorCode, parseDocument, type YAMLError } from "yaml";
import type { Problem } from "./problems.ts";

interface ReadText {
  readonly value: unknown;
  readonly problems: readonly Problem[];
}

/** The parser's own texts quote what they found, which may be a secret: so these have words of ours. */
const QUOTING: Partial<Record<ErrorCode, string>> = {
  BAD_ALIAS: "found an alias (*) without its anchor; put text that begins with * or & in quotes",
  TAG_RESOLVE_FAILED: "found a tag (!) that means nothing here; put text that begins with ! in quotes",
  BAD_DQ_ESCAPE: "found a backslash (\\\\) that escapes nothing; put the text in single quotes",
  UNEXPECTED_TOKEN: "found something that is not YAML; look at quotes, brackets and indentation",
};

/** Returns what YAML text says; JSON is YAML. Keys that are there twice are a problem, since one of them would be ignored. */
export function readYaml(text: string): ReadText {
  const document = parseDocument(text, { uniqueKeys: true, prettyErrors: true, version: "1.2" });
  const problems = [...document.errors, ...document.warnings].map(problemOf);
  if (problems.length > 0) return { value: undefined, problems };
  try {
    return { value: document.toJS({ maxAliasCount: 100 }), problems };
  } catch {
    return { value: undefined, problems: [{ path: "an alias", message: QUOTING.BAD_ALIAS! }] };
  }
}

function problemOf({ code, linePos, message }: YAMLError): Problem {
  const { line, col } = linePos?.[0] ?? { line: 1, col: 1 };
  const words = QUOTING[code] ?? message.split("\n")[0]!.replace(/ at line \d+, column \d+:?$/, "");
  return { path: `line ${line}, column ${col}`, message: words };
}
