/** An error may quote what somebody else sent: a line stays short whoever that was. */
const MAX_TEXT = 1000;

/** Returns what a line says of an error: type, code, text, place and cause. Texts pass `withoutSecrets`, and are cut. */
export function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { text: cut(String(error)) };
  const { code, detail } = error as { code?: unknown; detail?: unknown };
  const cause = error.cause === undefined ? {} : { cause: describeError(error.cause) };
  const at = error.stack
    ?.split("\n")
    .slice(1, 4)
    .map((line) => cut(line.trim().replace(/^at /, "")));
  return { type: error.name, code, text: cutText(error.message), detail: cutText(detail), at, ...cause };
}

const cutText = (value: unknown): unknown => (typeof value === "string" ? cut(value) : value);

/** Secrets first: half of one would look like a word. */
function cut(text: string): string {
  const rest = withoutSecrets(text);
  return rest.length > MAX_TEXT ? `${rest.slice(0, MAX_TEXT)}...` : rest;
}

/**
 * Returns the text without what looks like a secret: what follows the name of one (`Bearer ...`, `password=...`), the password of
 * a URL, and whatever is as long and as random as our secrets. Paths of source files, with their dots and slashes, stay.
 */
export function withoutSecrets(text: string): string {
  return text
    .replace(AFTER_SCHEME, "$1 [cut]")
    .replace(AFTER_HEADER, "$1: [cut]")
    .replace(AFTER_NAME, "$1=[cut]")
    .replace(PASSWORD_OF_URL, "$1[cut]@")
    .replace(RANDOM_WORD, (word) => (/\d/.test(word) && /[A-Za-z]/.test(word) ? "[cut]" : word));
}

const AFTER_SCHEME = /\b(Bearer|Basic|DPoP)\s+[\w.~+/=-]+/gi;
const AFTER_HEADER = /\b((?:proxy-)?authorization|(?:set-)?cookie|txn-token|dpop)\s*:\s*[^\r\n]+/gi;
const AFTER_NAME =
  /\b([\w-]*(?:token|secret|password|assertion|code_verifier|id_token_hint)|code|state|nonce|request)=[^&\s"']+/gi;
const PASSWORD_OF_URL = /(\b[a-z][a-z\d+.-]*:\/\/[^\s/:@]*:)[^\s/@]+@/gi;
const RANDOM_WORD = /(?<![\w/.-])[\w-]{20,}(?:\.[\w-]{10,})*(?![\w/])/g;
