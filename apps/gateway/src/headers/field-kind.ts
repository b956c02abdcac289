/** What kind of field a name is. The order matters nowhere: each name has one kind. */
type FieldKind =
  /** Goes through as it came. */
  | "end-to-end"
  /** Stops here: hop-by-hop, written by the gateway itself, or a second spelling of such a name. */
  | "dropped"
  /** No name that HTTP allows. */
  | "malformed"
  /** Looked at by a step, then dropped. */
  | "host"
  | "connection"
  | "transfer-encoding"
  | "upgrade"
  | "expect"
  /** Looked at by a step, and goes through. */
  | "authorization"
  | "content-length"
  | "origin";

export interface Field {
  readonly kind: FieldKind;
  /** Lower case. */
  readonly name: string;
}

const LOOKED_AT: ReadonlyMap<string, FieldKind> = new Map<string, FieldKind>(
  (
    [
      "host",
      "connection",
      "transfer-encoding",
      "upgrade",
      "expect",
      "authorization",
      "content-length",
      "origin",
    ] as const
  ).map((kind) => [kind, kind]),
);

const DROPPED: ReadonlySet<string> = new Set([
  // RFC 9110, section 7.6.1, and what HTTP/1.1 once had there.
  "keep-alive",
  "te",
  "trailer",
  "http2-settings",
  // Only the gateway knows who called; it writes these anew.
  "forwarded",
  "x-real-ip",
  "txn-token",
]);

const DROPPED_FAMILIES = ["x-portcullis-", "x-forwarded-", "proxy-"];

/** Names that a Connection header may not take off a request: dropping one changes who is asking, or for what. */
const PROTECTED: ReadonlySet<string> = new Set(["content-type", "cookie", "dpop", "range"]);

/**
 * The kind of a field by its name in any spelling. CGI and its descendants turn every character that is not
 * a letter or a digit into `_`, so names are compared with all of those made equal: what a service could
 * take for one of ours never reaches it.
 */
export function fieldOf(spelling: string): Field {
  const name = spelling.toLowerCase();
  const canonical = name.replace(/[^a-z0-9]/g, "-");
  const kind = TOKEN.test(name) ? kindOf(canonical) : "malformed";
  return { name, kind: canonical === name || ALIKE.has(kind) ? kind : "dropped" };
}

/** RFC 9110, section 5.6.2. */
const TOKEN = /^[a-z0-9!#$%&'*+\-.^_`|~]+$/;

function kindOf(canonical: string): FieldKind {
  const lookedAt = LOOKED_AT.get(canonical);
  if (lookedAt !== undefined) return lookedAt;
  if (DROPPED.has(canonical)) return "dropped";
  // The bare family name, too: `Proxy` becomes HTTP_PROXY in CGI, which clients of all kinds obey (httpoxy).
  return DROPPED_FAMILIES.some((family) => `${canonical}-`.startsWith(family)) ? "dropped" : "end-to-end";
}

export const isProtected = (field: Field): boolean =>
  PROTECTED.has(field.name) || ["host", "authorization", "content-length", "origin"].includes(field.kind);

/** Kinds of which a second spelling means the same. */
const ALIKE: ReadonlySet<FieldKind> = new Set(["end-to-end", "malformed"]);

const REMEMBERED_NAMES = 1024;

/**
 * `fieldOf` with a memory: clients send the same dozen names for ever, and this runs for each of them on each
 * request. Bounded, since names are the client's to invent; when full it starts over.
 */
export function rememberFields(): (spelling: string) => Field {
  const fields = new Map<string, Field>();
  return (spelling) => {
    const known = fields.get(spelling);
    if (known !== undefined) return known;
    if (fields.size >= REMEMBERED_NAMES) fields.clear();
    const field = fieldOf(spelling);
    fields.set(spelling, field);
    return field;
  };
}
