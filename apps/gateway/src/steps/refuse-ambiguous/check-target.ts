import { type Answer, quote, refuse } from "../../answer.ts";

/** What nearly every request has: non-empty segments of characters that no rule below looks at, and no query. */
const PLAIN_PATH = /^(?:\/[A-Za-z0-9\-_~!$&'()*+,=:@]+)*\/?$/;
const SLASH = 0x2f;
const NOT_PRINTABLE = /[^\x21-\x7e]/;
const BROKEN_ENCODING = /%(?![0-9a-fA-F]{2})/;
const ENCODED_DELIMITER = /%(?:2f|5c|[01][0-9a-f]|7f)/i;
/** An encoded percent sign that, decoded once more, makes a delimiter, a dot or another percent sign. */
const ENCODED_TWICE = /%25(?:2e|2f|5c|3b|25|[01][0-9a-f]|7f)/i;
/** Letters, digits and `-._~` (RFC 3986, section 2.3). */
const ENCODED_UNRESERVED = /%(?:2d|2e|3[0-9]|4[1-9a-f]|5[0-9a]|5f|6[1-9a-f]|7[0-9a]|7e)/i;
const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?=\/|$)/i;

/**
 * Refuses a request target that a service could resolve to another path than the one matched here. An
 * encoded letter is refused as well: `/%61dmin` would match the route of `/` and reach the service as `/admin`.
 */
export function checkTarget(target: string): Answer | undefined {
  if (target.charCodeAt(0) !== SLASH) return refuse("unsupported_target_form", { found: quote(target) });
  if (PLAIN_PATH.test(target)) return undefined;
  return checkCharacters(target) ?? checkPath(pathOf(target)) ?? checkQuery(target);
}

export function pathOf(target: string): string {
  const queryAt = target.indexOf("?");
  return queryAt < 0 ? target : target.slice(0, queryAt);
}

function checkCharacters(target: string): Answer | undefined {
  if (target.includes("#")) return refuse("fragment_in_target");
  const odd = NOT_PRINTABLE.exec(target)?.[0] ?? (target.includes("\\") ? "\\" : undefined);
  if (odd !== undefined) return refuse("forbidden_character", { found: quote(odd) });
  const broken = BROKEN_ENCODING.exec(target);
  if (broken === null) return undefined;
  return refuse("malformed_percent_encoding", { found: quote(target.slice(broken.index, broken.index + 3)) });
}

type PathRule = readonly [pattern: RegExp, code: Parameters<typeof refuse>[0]];

const PATH_RULES: readonly PathRule[] = [
  [/\/\//, "empty_segment"],
  [DOT_SEGMENT, "dot_segment"],
  [/;/, "path_parameter"],
  [ENCODED_TWICE, "double_encoding"],
  [ENCODED_DELIMITER, "encoded_delimiter"],
  [ENCODED_UNRESERVED, "encoded_unreserved"],
];

function checkPath(path: string): Answer | undefined {
  for (const [pattern, code] of PATH_RULES) {
    const found = pattern.exec(path);
    if (found !== null) return refuse(code, { found: quote(found[0]) });
  }
  return undefined;
}

/** RFC 6750, section 2.3, is not supported: URLs end up in logs, histories and Referers. */
function checkQuery(target: string): Answer | undefined {
  const queryAt = target.indexOf("?");
  if (queryAt < 0) return undefined;
  const names = target
    .slice(queryAt + 1)
    .split(/[&;]/)
    .map((pair) => decodedName(pair.split("=", 1)[0]!));
  return names.includes("access_token") ? refuse("access_token_in_query") : undefined;
}

/**
 * The name as the laxest reader would take it; PHP, for one, makes `_` of dots and spaces. The encoding is
 * valid by now, but the bytes need not be UTF-8, so `decodeURIComponent` could throw.
 */
function decodedName(name: string): string {
  return name
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .trim()
    .replace(/[.+ ]/g, "_")
    .toLowerCase();
}
