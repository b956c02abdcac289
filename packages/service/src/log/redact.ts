import { describeError, withoutSecrets } from "./describe-error.ts";

/** Names of members that hold something secret, in any spelling: `authorization`, `set-cookie`, `clientSecret`, `id_token_hint`. */
const SECRET_NAME =
  /authorization|cookie|token|secret|passw(?:or)?d|passphrase|credential|assertion|api[-_]?key|private[-_]?key|code[-_]?verifier|^(?:jwt|jws|dpop|otp|pin)$/i;
/** Random, and public: whoever reads the log compares them with what the servers say. */
const PUBLIC_NAME = /^(?:incarnation|kid)$/;
const CUT = "[cut]";
const MAX_DEPTH = 8;

/**
 * Returns what may be in a line: the same, with every text cut that is named like a secret or looks like one. Only plain
 * objects, lists and errors are looked into: of a request or a socket, whose members nobody can oversee, the type is left.
 */
export function redact(value: unknown): unknown {
  return redactAt(value, 0);
}

function redactAt(value: unknown, depth: number): unknown {
  if (typeof value === "string") return withoutSecrets(value);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Error) return describeError(value);
  if (value instanceof Date) return value;
  if (value instanceof URL) return withoutSecrets(value.origin + value.pathname);
  if (depth === MAX_DEPTH) return CUT;
  if (Array.isArray(value)) return value.map((element) => redactAt(element, depth + 1));
  if (!isPlain(value)) return `[${value.constructor?.name ?? "object"}]`;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, memberOf(name, member, depth)]),
  );
}

/** Numbers and booleans are no secrets: `tokens: 3`. */
function memberOf(name: string, member: unknown, depth: number): unknown {
  if (PUBLIC_NAME.test(name) && typeof member === "string") return member;
  const isValue = member === null || ["number", "boolean", "undefined"].includes(typeof member);
  return SECRET_NAME.test(name) && !isValue ? CUT : redactAt(member, depth + 1);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
