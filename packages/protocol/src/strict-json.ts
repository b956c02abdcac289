/**
 * JSON that two parsers cannot read differently. `JSON.parse` keeps the last of two members with one name;
 * another parser keeps the first, so that a gateway and a service behind it would see two different subjects
 * (RFC 8725, section 2.4 and RFC 7519, section 4 let us refuse). Also refused: names that reach into an
 * object's prototype once somebody copies the members, and numbers that are infinite.
 */
const POISONED_NAMES: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);
const MAX_DEPTH = 16;

export type JsonObject = Record<string, unknown>;

/** Returns the object, or undefined when the text is not one JSON object that reads the same everywhere. */
export function parseStrictObject(text: string): JsonObject | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  // Every member has one colon outside of strings. A member that was overwritten by another of its name is
  // in the text and not in the tree, at whatever depth, so the two numbers differ.
  const members = countMembers(value, 0);
  return members === countColons(text) ? (value as JsonObject) : undefined;
}

/** Returns the number of members in the whole tree; NaN, which equals nothing, when it holds something refused. */
function countMembers(value: unknown, depth: number): number {
  if (typeof value === "number") return Number.isFinite(value) ? 0 : Number.NaN;
  if (typeof value !== "object" || value === null) return 0;
  if (depth >= MAX_DEPTH) return Number.NaN;
  return Array.isArray(value) ? countInArray(value, depth) : countInObject(value as JsonObject, depth);
}

function countInArray(items: readonly unknown[], depth: number): number {
  let count = 0;
  for (const item of items) count += countMembers(item, depth + 1);
  return count;
}

function countInObject(members: JsonObject, depth: number): number {
  let count = 0;
  for (const name of Object.keys(members)) {
    if (POISONED_NAMES.has(name)) return Number.NaN;
    count += 1 + countMembers(members[name], depth + 1);
  }
  return count;
}

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

/** Returns the number of colons outside of strings, in a text that is known to be valid JSON. */
function countColons(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === COLON) count++;
    else if (code === QUOTE) at = endOfString(text, at);
  }
  return count;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (let code = text.charCodeAt(at); code !== QUOTE; code = text.charCodeAt(at)) {
    at += code === BACKSLASH ? 2 : 1;
  }
  return at;
}
